"""Dispatch of notifications: a bounded queue, and a thread that delivers, so that the worker never waits."""

import threading
from collections import deque
from typing import Protocol

from themis_workers.notifications.event import JobEnded
from themis_workers.notifications.hook import Hook
from themis_workers.telemetry import logs

MOST_WAITING = 1_000
"""Number of events that may wait; one more, and the oldest is dropped."""


class NotificationChannel(Protocol):
    """A way to deliver notifications."""

    def deliver(self, event: JobEnded, closing: threading.Event) -> None:
        """Deliver an event; may take seconds, and does not wait between tries once `closing` is set."""

    def abandon(self) -> None:
        """Stop a delivery that is under way, as the worker ends."""


class Notifications:
    """Notifies a hook and a webhook, if there are any, of ended jobs, one after the other.

    Best effort: events that wait when the worker is killed are lost. The queue is the source of truth.

    Args:
        hook: a command; see `Hook`.
        webhook: a URL; see `Webhook`.

    Raises:
        ConfigError: one of them is invalid.
    """

    def __init__(self, hook: str | None, webhook: str | None) -> None:
        self._channels: list[NotificationChannel] = [] if hook is None else [Hook(hook)]
        if webhook is not None:
            from themis_workers.notifications.webhook import Webhook  # noqa: PLC0415  # HTTP and TLS, when they are used

            self._channels.append(Webhook(webhook))
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._waiting: deque[JobEnded] = deque(maxlen=MOST_WAITING)
        self._dropped = 0
        self._in_hand = False
        self._thread: threading.Thread | None = None
        if self._channels:
            self._thread = threading.Thread(target=self._work, name="notifications", daemon=True)
            self._thread.start()

    def tell(self, event: JobEnded) -> None:
        """Queue an event for delivery; returns at once, and raises nothing."""
        with self._changed:
            if self._thread is None or self._closing.is_set():
                return
            self._dropped += len(self._waiting) == MOST_WAITING
            self._waiting.append(event)
            self._changed.notify()

    def close(self, wait_s: float) -> None:
        """Deliver waiting events for `wait_s` seconds; then give up the rest, and log their number."""
        if self._thread is None:
            return
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(wait_s)
        with self._changed:
            left = len(self._waiting) + self._in_hand
            self._waiting.clear()
        if left:
            for channel in self._channels:
                channel.abandon()
            logs.warn("notifications given up", count=left)

    def _work(self) -> None:
        while (event := self._next()) is not None:
            for channel in self._channels:
                try:
                    channel.deliver(event, self._closing)
                except Exception as error:  # noqa: BLE001  # the next event is delivered even so
                    logs.warn("notification failed", key=event.key, error=f"{type(error).__name__}: {error}")

    def _next(self) -> JobEnded | None:
        """Wait for the next event; None once closed and empty."""
        with self._changed:
            self._in_hand = False
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            dropped, self._dropped = self._dropped, 0
            event = self._waiting.popleft() if self._waiting else None
            self._in_hand = event is not None
        if dropped:
            logs.warn("notifications dropped", count=dropped)
        return event
