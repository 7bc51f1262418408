"""Queue watch: file events of the queue's bell, or news from its store, wake the worker as soon as a job is new.

The events are only hints: some get lost, and those of other hosts never arrive. The regular rescan finds every job.

watchdog delays the event of a file that left a watched folder by half a second, in case the file arrives in another
folder, and all later events wait behind it. No file ever leaves `bell/`, and only writes are watched: no event is
delayed.
"""

import contextlib
import errno
import os
import socket
import stat
import time
from typing import TYPE_CHECKING

from watchdog.events import FileModifiedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from themis.core.errors import StoreError
from themis.core.queue import FileQueue
from themis.core.queue.folder import bell
from themis.core.queue.model import layout
from themis.core.queue.port import Queue
from themis_workers.telemetry import logs
from themis_workers.wake import Wake

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

    from themis.core.stores.queues.port import Listener

LOOK_AFTER_S = 5.0
"""Seconds between checks whether the folder is still the watched one, or can be watched by now."""


def watch_of(queue: Queue, wake: Wake) -> "QueueWatch | NewsWatch":
    """Watch a queue until the watch is closed: news end the sleep of `wake`, and make the next claim look again."""
    return QueueWatch(queue, wake) if isinstance(queue, FileQueue) else NewsWatch(queue, wake)


class NewsWatch:
    """Listens to the store of a queue of rows, until it is closed. A connection that is lost is made again."""

    def __init__(self, queue: Queue, wake: Wake) -> None:
        """Listen to the store of `queue`."""
        self._queue = queue
        self._wake = wake
        self._listener: Listener | None = None
        self._is_deaf = False
        self._look_s = 0.0
        self.look_after()

    def look_after(self) -> None:
        """Connect, and again after the connection was lost; a store that is away is tried every few seconds."""
        now_s = time.monotonic()
        if now_s < self._look_s or (self._listener is not None and not self._listener.is_lost):
            return
        self._look_s = now_s + LOOK_AFTER_S
        self._end()
        try:
            self._listener = self._queue.listen()
        except StoreError as error:
            if not self._is_deaf:
                self._is_deaf = True
                logs.warn("no news of the queue are heard: new jobs are found by polling", error=error)
            return
        if self._listener is not None:
            self._wake.listen(self._listener, self._hear)
            self._queue.wake()  # earlier news were missed
        if self._is_deaf:
            self._is_deaf = False
            logs.tell("news of the queue are heard again")

    def close(self) -> None:
        """Stop listening."""
        self._end()

    def _end(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError, ValueError):  # a connection that is lost has no descriptor
                self._wake.forget(listener)
            listener.close()

    def _hear(self) -> None:
        if self._listener is None:
            return
        try:
            self._listener.hear()
        except StoreError:
            self._end()
            self._look_s = 0.0
        self._queue.wake()


class QueueWatch:
    """Watches the bell until it is closed."""

    def __init__(self, queue: FileQueue, wake: Wake) -> None:
        """Watch the bell of `queue`: a ring ends the sleep of `wake`, and makes the next claim list the folders."""
        self._queue = queue
        self._wake = wake
        self._folder = f"{queue.path}/{layout.BELL}"
        self._hears, self._rings = socket.socketpair()
        for end in (self._hears, self._rings):
            end.setblocking(False)  # noqa: FBT003  # positional only
        wake.listen(self._hears, self._hear)
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None
        self._is_deaf = False
        self._look_s = 0.0
        self.look_after()

    def look_after(self) -> None:
        """Start the watch, or restart it after the folder was replaced or the watch has ended; rarely costs a stat."""
        now_s = time.monotonic()
        if now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_AFTER_S
        if self._observer is not None and self._watched == self._identity() and _is_at_work(self._observer):
            return
        self._end()
        try:
            self._begin()
        except (OSError, RuntimeError) as error:  # no folder, or no inotify watch, inotify instance or thread left
            if not self._is_deaf:
                self._is_deaf = True
                logs.warn("the queue's bell cannot be watched: new jobs are found by rescanning", error=error)
        else:
            if self._is_deaf:
                self._is_deaf = False
                logs.tell("the queue's bell is watched again")

    def close(self) -> None:
        """Stop watching."""
        self._end()
        self._wake.forget(self._hears)
        self._hears.close()
        self._rings.close()

    def _begin(self) -> None:
        bell.hang(self._queue.path)
        watched = self._identity()
        if watched is None:
            raise NotADirectoryError(errno.ENOTDIR, "is not a folder", self._folder)
        observer = Observer()
        try:
            observer.schedule(_Ear(self._rings), self._folder, event_filter=[FileModifiedEvent])
            observer.start()
        except BaseException:
            observer.stop()
            raise
        self._observer, self._watched = observer, watched
        self._queue.wake()  # earlier events were missed

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode of the folder, which tell it from a later one; None where there is no folder."""
        try:
            found = os.lstat(self._folder)
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._hears.recv(4_096)
        self._queue.wake()


class _Ear(FileSystemEventHandler):
    """Passes events from the observer's thread to the worker's thread."""

    def __init__(self, rings: socket.socket) -> None:
        self._rings = rings

    def on_modified(self, event: FileSystemEvent) -> None:
        """Wake the worker: the bell was rung."""
        del event
        with contextlib.suppress(OSError):  # the buffer is full of unread rings: one more adds nothing
            self._rings.send(b"!")


def _is_at_work(observer: "BaseObserver") -> bool:
    emitters = observer.emitters
    return bool(emitters) and all(emitter.is_alive() for emitter in emitters)
