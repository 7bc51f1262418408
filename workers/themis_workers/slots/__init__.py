"""Slots of a worker: the attempts in them, and how each ends."""
