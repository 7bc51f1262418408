"""The processes below a worker: its fork server, which forks a supervisor for each slot, which forks each job.

Nothing here imports anything of the worker's own process: all that passes between them are messages.
"""
