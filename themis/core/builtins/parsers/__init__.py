"""Shipped parsers."""
