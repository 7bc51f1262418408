"""Slots of a worker: the attempts that they run, and the outcomes."""
