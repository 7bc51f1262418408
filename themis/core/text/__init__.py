"""Texts: lines for people, canonical JSON, the nearest known word, secrets masked."""
