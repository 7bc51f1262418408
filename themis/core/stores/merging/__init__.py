"""Merging of stores: its port, its report, and the rules that need no database."""
