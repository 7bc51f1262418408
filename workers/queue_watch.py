"""A new file in the queue wakes the worker at once. It is a hint: events get lost, and another host's never come."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from watchdog.events import DirMovedEvent, FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from themis.core.queue import layout
from workers.telemetry import logs

# It complains of events that come while it is being closed, which nobody waits for.
logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)

_WATCHED = (layout.QUEUED, layout.CANCEL, layout.WORKERS)


class QueueWatch(FileSystemEventHandler):
    """Watches the folders in which something may appear for a worker to see, until it is closed."""

    def __init__(self, queue_root: Path, appeared: Callable[[str], None]) -> None:
        """Call `appeared`, in a thread of its own, with the folder's name whenever a file appears in it."""
        self._appeared = appeared
        self._observer = Observer()
        for name in _WATCHED:
            self._observer.schedule(
                self, str(queue_root / name), event_filter=[FileCreatedEvent, FileMovedEvent, DirMovedEvent]
            )
        try:
            self._observer.start()
        except OSError as error:  # no watches left, or none on this filesystem: the rescan is enough
            logs.warn("new files in the queue are found by looking every second or so", error=error)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Something appeared: a file was made, or moved here."""
        path = str(event.dest_path or event.src_path)
        folder, _, name = path.rpartition("/")
        if not name.startswith("."):
            self._appeared(folder.rpartition("/")[2])

    def close(self) -> None:
        """Watch no more."""
        with contextlib.suppress(RuntimeError):
            self._observer.stop()
            self._observer.join(2.0)
