"""Instructions that a program can verify: the 25 kinds of IFEval."""
