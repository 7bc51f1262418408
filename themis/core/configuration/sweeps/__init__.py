"""Sweeps: many configurations from one, by values in the place of its keys."""
