"""Bundles: the stored results of one stage of a run, as a value that another store can import."""
