"""The stores of a queue, for whoever looks on: one that cannot be read now is as it was when it could."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from themis.cli.run_rows import KNOWN_SCHEMA
from themis.core.errors import StoreError
from themis.core.stores.sqlite_watch import UNKNOWN_NAMES, RunNames, SqliteWatch, WatchedJob


class WatchedStores:
    """Jobs by their keys, whichever store they are in.

    Attributes:
        troubles: what could not be read in this look, a line a store.
    """

    def __init__(self) -> None:
        """No store is known yet."""
        self.troubles: list[str] = []
        self._stores: dict[Path, SqliteWatch] = {}
        self._home: dict[str, Path] = {}
        self._jobs: dict[str, WatchedJob] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def close(self) -> None:
        """Let go of all files."""
        for store in self._stores.values():
            store.close()

    def look(self, paths: Sequence[Path], keys: Sequence[str]) -> dict[str, WatchedJob]:
        """The jobs of these keys as they are now, those that some store knows."""
        self.troubles = []
        before, self._jobs = self._jobs, {}
        for path in paths:
            try:
                found = self._store(path).jobs(keys)
            except StoreError as error:
                self.troubles.append(str(error))
                found = {key: before[key] for key in keys if key in before and self._home[key] == path}
            self._jobs |= found
            self._home |= dict.fromkeys(found, path)
        self._home = {key: self._home[key] for key in self._jobs}
        self._counts = {key: count for key, count in self._counts.items() if key in self._jobs}
        return self._jobs

    def last_ended(self, paths: Sequence[Path], queue_id: str, limit: int) -> list[tuple[WatchedJob, RunNames]]:
        """The jobs of a queue that ended last, the latest first, and what they are about."""
        found = []
        for path in paths:
            try:
                store = self._store(path)
                found += [(job, store.names(job)) for job in store.last_ended(queue_id, limit)]
            except StoreError:
                continue  # said by `look`
        return sorted(found, key=lambda pair: -(pair[0].ended_ns or 0))[:limit]

    def failed_cases(self, paths: Sequence[Path], job: WatchedJob) -> int:
        """How many cases of an ended job failed; 0 when nobody can say."""
        for path in paths:
            try:
                store = self._store(path)
                if job.key in store.jobs([job.key]):
                    return store.count_cases(job)[1]
            except StoreError:
                continue
        return 0

    def names(self, job: WatchedJob) -> RunNames:
        """What a job of the last look is about."""
        try:
            return self._store(self._home[job.key]).names(job)
        except StoreError:
            return UNKNOWN_NAMES

    def count_cases(self, job: WatchedJob) -> tuple[int, int]:
        """How many cases of a job of the last look ended, and how many of those failed."""
        with contextlib.suppress(StoreError):
            self._counts[job.key] = self._store(self._home[job.key]).count_cases(job)
        return self._counts.get(job.key, (0, 0))

    def _store(self, path: Path) -> SqliteWatch:
        if path not in self._stores:
            self._stores[path] = SqliteWatch(path, KNOWN_SCHEMA)
        return self._stores[path]
