"""Judging by models: scales, what a judge is asked, and the verdict in what it says."""
