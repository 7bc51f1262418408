"""Transitions of jobs: the one move, and all that is a call of it."""
