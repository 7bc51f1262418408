"""Compilation of an experiment: its live components, its datasets, its secrets."""
