"""Shards of runs in the tables of a database, and the end of their run."""
