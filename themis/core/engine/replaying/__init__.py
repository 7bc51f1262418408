"""Replay: a stored run from one of its stages on, without asking a generator."""
