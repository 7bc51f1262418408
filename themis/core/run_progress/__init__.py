"""Progress of a run while it goes: in words, on a terminal, in a log, and below a notebook's cell."""
