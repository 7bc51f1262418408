"""Breaker of a run: failures in a row, in one process and over all shards of the run."""
