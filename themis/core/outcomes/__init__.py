"""Outcomes: the stages of a run, what each leaves behind for a case, and how that is stored."""
