"""The commands of `themis catalog`."""
