"""Processes and threads: forked copies, and the interruption of what does not give way."""
