"""Outcomes: the stages of a run, their results for a case, and the stored form of these."""
