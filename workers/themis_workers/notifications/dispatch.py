"""From a worker that must not wait to those who want to be told: a bounded queue, and one thread that delivers."""

import threading
from collections import deque
from typing import Protocol

from themis_workers.notifications.event import JobEnded
from themis_workers.notifications.hook import Hook
from themis_workers.notifications.webhook import Webhook
from themis_workers.telemetry import logs

MOST_WAITING = 1_000
"""So many events may wait; one more, and the oldest is dropped."""


class NotificationChannel(Protocol):
    """A way to tell somebody."""

    def deliver(self, event: JobEnded, closing: threading.Event) -> None:
        """Tell it; takes seconds, no more than it needs once `closing` is set."""

    def abandon(self) -> None:
        """Leave nothing running: the worker ends."""


class Notifications:
    """Tells a hook and a webhook, if there are any, that jobs have ended, one after the other.

    Best effort: what waits when the worker is killed is told to nobody. The queue is the truth.

    Args:
        hook: a command; see `Hook`.
        webhook: a URL; see `Webhook`.

    Raises:
        ConfigError: one of them is not what it must be.
    """

    def __init__(self, hook: str | None, webhook: str | None) -> None:
        self._channels: list[NotificationChannel] = [] if hook is None else [Hook(hook)]
        if webhook is not None:
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
        """Have it told; takes no time, and raises nothing."""
        with self._changed:
            if self._thread is None or self._closing.is_set():
                return
            self._dropped += len(self._waiting) == MOST_WAITING
            self._waiting.append(event)
            self._changed.notify()

    def close(self, wait_s: float) -> None:
        """Deliver what waits, for so many seconds; then give the rest up, and say how much that was."""
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
                except Exception as error:  # noqa: BLE001  # whatever it was, the next event is delivered
                    logs.warn("notification failed", key=event.key, error=f"{type(error).__name__}: {error}")

    def _next(self) -> JobEnded | None:
        """The next event, when there is one; None once all is over."""
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
