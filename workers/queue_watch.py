"""A new file in the queue wakes the worker at once. It is a hint: events get lost, and another host's never come."""

import contextlib
import os

from themis.core.queue import FileQueue, layout
from workers import linux
from workers.telemetry import logs
from workers.wake import Wake

_WATCHED = (layout.QUEUED, layout.CANCEL, layout.WORKERS)
_CHUNK_BYTES = 65_536


class QueueWatch:
    """Watches the folders in which something may appear for a worker to see, until it is closed."""

    def __init__(self, queue: FileQueue, wake: Wake) -> None:
        """End the sleep of `wake` when something appears in `queue`; a new job makes the next claim look anew."""
        self._queue = queue
        self._wake = wake
        self._folders: dict[int, str] = {}
        self._descriptor: int | None = None
        try:
            self._descriptor = linux.inotify_open()
            for name in _WATCHED:
                self._folders[linux.inotify_watch(self._descriptor, f"{queue.path}/{name}")] = name
        except OSError as error:  # too many watches, or a filesystem that tells nothing: the rescan is enough
            logs.warn("new files in the queue are found by looking every now and then", error=error.strerror)
        if self._descriptor is not None:
            wake.listen(self._descriptor, self._hear)

    def close(self) -> None:
        """Watch no more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._wake.forget(descriptor)
            os.close(descriptor)

    def _hear(self) -> None:
        if self._descriptor is None:
            return
        with contextlib.suppress(BlockingIOError):
            for number, name in linux.inotify_events(os.read(self._descriptor, _CHUNK_BYTES)):
                # That it was heard ends the sleep; only a new job needs a new look into the folder.
                if self._folders.get(number, layout.QUEUED) == layout.QUEUED and not name.startswith("."):
                    self._queue.wake()
