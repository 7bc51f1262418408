"""Data sets of the Hugging Face hub, and of folders in its formats, by the package `datasets`."""
