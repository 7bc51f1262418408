"""A queue's folder is opened when it is first needed, and what works on it is made once."""

from pathlib import Path

from themis.core.errors import QueueRootError
from themis.core.queue.folder.root import QueueRoot, make_root, open_root, refuse_writable_by_others
from themis.core.queue.folder.store_registry import OpenStore, StoreRegistry
from themis.core.queue.picking import listing_cache
from themis.core.queue.picking.next_job import NextJob

Parts = tuple[QueueRoot, StoreRegistry, NextJob]


class QueueFolder:
    """A queue's folder as this process has opened it, or not yet.

    Attributes:
        path: absolute.
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
        """The queue in `path`, see `FileQueue`; nothing is opened yet."""
        self.path = path
        self.open_store = open_store
        self._rescan_s = rescan_s
        self._copy_grace_s = copy_grace_s
        self._trusted = trust_others
        self._shared = shared
        self._parts: Parts | None = None
        self._made = self._checked = False

    def make(self) -> Parts:
        """The queue, which is made unless it is there, and can be written.

        Raises:
            QueueError: the folder cannot be a queue.
        """
        if not self._made:
            self._use(make_root(self.path, shared=self._shared))
            self._made = self._checked = True
        return self.parts()

    def exists(self, *, write: bool) -> bool:
        """Whether there is a queue; before it is first written to, it is looked at whether it can be."""
        if self._parts is None or (write and not self._checked):
            root = open_root(self.path, write=write, shared=self._shared)
            if root is None:
                return False
            self._use(root)
            self._checked = self._checked or write
        return True

    def parts(self, *, write: bool = False) -> Parts:
        """The queue's root, its stores, and what looks for jobs.

        Raises:
            QueueRootError: there is no queue, or it cannot be used.
        """
        if self._parts is None or write:
            self.exists(write=write)
        if self._parts is None:
            raise QueueRootError(path=self.path, detail="there is no queue; the first submit makes it")
        return self._parts

    def opened(self) -> Parts | None:
        """Result of `parts`, if the folder was opened already."""
        return self._parts

    def refuse_writable_by_others(self) -> None:
        """Refuse, once, a folder that other users can write to, unless they are trusted.

        Raises:
            QueueRootError: they can.
        """
        if not self._trusted:
            refuse_writable_by_others(self.parts()[0])
            self._trusted = True

    def _use(self, root: QueueRoot) -> None:
        if self._parts is None or self._parts[0] != root:
            registry = StoreRegistry(root, self.open_store)
            rescan_s = listing_cache.rescan_s(root) if self._rescan_s is None else self._rescan_s
            self._parts = root, registry, NextJob(root, registry, rescan_s=rescan_s, copy_grace_s=self._copy_grace_s)
