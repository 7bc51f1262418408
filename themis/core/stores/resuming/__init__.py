"""Continuing of runs, as stores know it."""
