"""Execution of jobs: payload, environment, limits, one claimed job, one worker cycle, batch requests."""
