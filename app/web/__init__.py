"""The FastAPI application: JSON API, pages, live stream, security."""
