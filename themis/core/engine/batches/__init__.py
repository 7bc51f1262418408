"""Generations through the batches of a provider: planned, submitted, waited for and read, whatever is killed."""
