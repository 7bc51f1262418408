"""Texts: lines for people, canonical JSON, the nearest known word, masking of secrets."""
