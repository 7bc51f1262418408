"""Execution of a compiled run: all cases through the stages, bounded, resumable, each outcome stored once."""
