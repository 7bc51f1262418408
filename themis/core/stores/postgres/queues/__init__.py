"""Rows of queues in Postgres: the next job, what happened to each, and who works."""
