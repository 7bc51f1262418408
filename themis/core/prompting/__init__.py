"""Prompts from templates: what a model is asked about a case."""
