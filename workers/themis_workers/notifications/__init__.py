"""Notifications that a job has ended: to a command (hook) or a URL (webhook)."""

from themis_workers.notifications.dispatch import Notifications
from themis_workers.notifications.event import CaseCounts, JobEnded

__all__ = ["CaseCounts", "JobEnded", "Notifications"]
