"""Carries out a compiled run: every case through the stages, bounded, resumable, each outcome stored once."""
