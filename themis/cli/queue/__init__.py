"""`themis queue`: the queue, for people."""
