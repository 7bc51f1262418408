"""Calibration of judges: how far the verdicts of a judged metric agree with the labels that people gave."""
