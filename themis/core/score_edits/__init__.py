"""Edits of scores: people correct single scores of a stored run, beside what was measured."""
