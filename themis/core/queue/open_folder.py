"""Opened folder of a queue: opened on first use, with the objects that work on it made once."""

from pathlib import Path

from themis.core.errors import QueueRootError
from themis.core.queue.folder.root import QueueRoot, make_root, open_root, refuse_writable_by_others
from themis.core.queue.folder.store_registry import OpenStore, StoreRegistry
from themis.core.queue.picking import listing_cache
from themis.core.queue.picking.next_job import NextJob

Parts = tuple[QueueRoot, StoreRegistry, NextJob]


class QueueFolder:
    """Folder of a queue, opened by this process on first use.

    Attributes:
        path: absolute path.
        open_store: opens the store that a manifest names.
    """

    def __init__(
        self,
        path: Path,
        open_store: OpenStore,
        *,
        rescan_s: float | None,
        copy_grace_s: float,
        trust_others: bool,
        shared: bool,
    ) -> None:
        """Make the queue in `path`, see `FileQueue`; nothing is opened yet."""
        self.path = path
        self.open_store = open_store
        self._rescan_s = rescan_s
        self._copy_grace_s = copy_grace_s
        self._trusted = trust_others
        self._shared = shared
        self._parts: Parts | None = None
        self._made = self._checked = False

    def make(self) -> Parts:
        """Return the queue, and make it if it does not exist; checks that it can be written.

        Raises:
            QueueError: the folder cannot be a queue.
        """
        if not self._made:
            self._use(make_root(self.path, shared=self._shared))
            self._made = self._checked = True
        return self.parts()

    def exists(self, *, write: bool) -> bool:
        """Whether the queue exists; before the first write it is checked that it can be written."""
        if self._parts is None or (write and not self._checked):
            root = open_root(self.path, write=write, shared=self._shared)
            if root is None:
                return False
            self._use(root)
            self._checked = self._checked or write
        return True

    def parts(self, *, write: bool = False) -> Parts:
        """Return the queue's root, its stores, and the finder of its next job.

        Raises:
            QueueRootError: there is no queue, or it cannot be used.
        """
        if self._parts is None or write:
            self.exists(write=write)
        if self._parts is None:
            raise QueueRootError(path=self.path, detail="there is no queue; the first submit makes it")
        return self._parts

    def opened(self) -> Parts | None:
        """Return the result of `parts` if the queue is already open."""
        return self._parts

    def refuse_writable_by_others(self) -> None:
        """Refuse, once, a folder that other users can write to, unless they are trusted.

        Raises:
            QueueRootError: other users can write to it.
        """
        if not self._trusted:
            refuse_writable_by_others(self.parts()[0])
            self._trusted = True

    def _use(self, root: QueueRoot) -> None:
        if self._parts is None or self._parts[0] != root:
            registry = StoreRegistry(root, self.open_store)
            rescan_s = listing_cache.rescan_s(root) if self._rescan_s is None else self._rescan_s
            self._parts = root, registry, NextJob(root, registry, rescan_s=rescan_s, copy_grace_s=self._copy_grace_s)
