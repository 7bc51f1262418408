"""Telling others that a job has ended: a command of theirs, or a URL."""

from themis_workers.notifications.dispatch import Notifications
from themis_workers.notifications.event import CaseCounts, JobEnded

__all__ = ["CaseCounts", "JobEnded", "Notifications"]
