"""The only room with I/O of state: database, artifacts, live stream and task queue."""
