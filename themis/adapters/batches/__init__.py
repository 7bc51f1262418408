"""Batches of providers: a file for each provider, and what they share."""
