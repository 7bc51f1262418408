"""Shards of runs: the jobs that share the cases of one run, and how their run ends."""
