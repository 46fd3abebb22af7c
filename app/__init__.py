"""Segscope's application: domain, datasets, diagnosis, store and web. Never imports TensorFlow."""

__version__ = "0.1.0"
