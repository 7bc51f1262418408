"""Processes and threads: forked copies, and interruption of threads that do not yield."""
