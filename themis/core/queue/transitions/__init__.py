"""Transitions of jobs: the one move and the changes built on it."""
