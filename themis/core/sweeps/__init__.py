"""Submission of sweeps: many runs that are made from one config file, or from several, in one group."""

from themis.core.sweeps.submitting import SubmittedSweep, submit_sweep

__all__ = ["SubmittedSweep", "submit_sweep"]
