"""Python itself: its packages, its modules, what they import, and their code."""
