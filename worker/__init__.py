"""The Celery worker and the processes that it supervises; the only room that imports TensorFlow."""
