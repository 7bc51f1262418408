"""Dry run: everything is checked, and what would be done is said; nothing is written, and no model asked."""
