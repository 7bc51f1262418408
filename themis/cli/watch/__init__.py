"""`themis queue watch`: a live view of a queue."""
