"""Metrics that ask judges."""
