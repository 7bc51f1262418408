"""Runs in several jobs, as they are now."""
