"""Formats of files with cases: each reads a file as a stream of records, with the place of each for messages."""
