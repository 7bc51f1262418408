"""Formats of a report on a run: the rows of each, and the summary of a run."""
