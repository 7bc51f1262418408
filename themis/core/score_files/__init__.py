"""Scores that exist already: read from a file, and given to a run by a metric."""
