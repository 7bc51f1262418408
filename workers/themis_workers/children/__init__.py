"""Child processes of a worker: the fork server forks a supervisor for each slot, which forks each job.

Nothing here imports code of the worker's own process: they communicate only by messages.
"""
