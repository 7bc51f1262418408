"""Calls of components: the threads in which they are made, and how they are interrupted."""
