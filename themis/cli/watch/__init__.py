"""`themis queue watch`: what a queue does now, read from its files and its stores, which are never written."""
