"""Views of a run's result for those who read it in Python: as a text, in a notebook, and read on demand."""
