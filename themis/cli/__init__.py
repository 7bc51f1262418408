"""The `themis` command: one file for each group of commands."""
