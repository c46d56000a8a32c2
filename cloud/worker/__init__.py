"""The local server: broker, ingest, workers and web in one process."""
