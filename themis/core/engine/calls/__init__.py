"""Calls of components: the threads in which they are made, and their interruption."""
