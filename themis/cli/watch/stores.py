"""The stores of a queue, for whoever looks on: one that cannot be read now is as it was when it could."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from themis.core.errors import StoreError
from themis.core.stores.sqlite_watch import UNKNOWN_NAMES, RunNames, SqliteWatch, WatchedJob

SCHEMA = 2
"""The first schema with all that is looked at: a store that only old workers have written is watched too."""

Found = TypeVar("Found")


class WatchedStores:
    """Jobs by their keys, whichever store they are in.

    A look begins with `look`. A store that fails is not asked again before the next one: each time may take long.
    """

    def __init__(self) -> None:
        """No store is known yet."""
        self._stores: dict[Path, SqliteWatch] = {}
        self._troubles: dict[Path, str] = {}
        self._home: dict[str, Path] = {}
        self._jobs: dict[str, WatchedJob] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._names: dict[str, RunNames] = {}
        self._ended: dict[Path, list[tuple[WatchedJob, RunNames]]] = {}

    @property
    def troubles(self) -> list[str]:
        """What could not be read in this look, a line a store."""
        return list(self._troubles.values())

    def close(self) -> None:
        """Let go of all files."""
        for store in self._stores.values():
            store.close()

    def look(self, paths: Sequence[Path], keys: Sequence[str]) -> dict[str, WatchedJob]:
        """The jobs of these keys as they are now, those that some store knows."""
        self._troubles = {}
        before, home = self._jobs, self._home
        self._jobs, self._home = {}, {}
        for path in paths:
            known = {key: before[key] for key in keys if home.get(key) == path}
            found = self._ask(path, lambda store: store.jobs(keys), known)
            self._jobs |= found
            self._home |= dict.fromkeys(found, path)
        self._counts = {key: count for key, count in self._counts.items() if key in self._jobs}
        self._names = {key: names for key, names in self._names.items() if key in self._jobs}
        return self._jobs

    def names(self, job: WatchedJob) -> RunNames:
        """What a job of the last look is about."""
        known = self._names.get(job.key, UNKNOWN_NAMES)
        found = self._names[job.key] = self._ask(self._home[job.key], lambda store: store.names(job), known)
        return found

    def count_cases(self, job: WatchedJob) -> tuple[int, int]:
        """How many cases of a job of the last look ended, and how many of those failed."""
        known = self._counts.get(job.key, (0, 0))
        found = self._counts[job.key] = self._ask(self._home[job.key], lambda store: store.count_cases(job), known)
        return found

    def last_ended(self, paths: Sequence[Path], queue_id: str, limit: int) -> list[tuple[WatchedJob, RunNames]]:
        """The jobs of a queue that ended last, the latest first, and what they are about."""
        for path in paths:
            self._ended[path] = self._ask(
                path,
                lambda store: [(job, store.names(job)) for job in store.last_ended(queue_id, limit)],
                self._ended.get(path, []),
            )
        found = [pair for path in paths for pair in self._ended[path]]
        return sorted(found, key=lambda pair: -(pair[0].ended_ns or 0))[:limit]

    def failed_cases(self, job: WatchedJob) -> int:
        """How many cases of a job failed that `last_ended` gave; 0 while nobody can say."""
        path = next(path for path, pairs in self._ended.items() if any(job is found for found, _ in pairs))
        return self._ask(path, lambda store: store.count_cases(job), (0, 0))[1]

    def _ask(self, path: Path, question: Callable[[SqliteWatch], Found], otherwise: Found) -> Found:
        if path in self._troubles:
            return otherwise
        store = self._stores.get(path)
        if store is None:
            store = self._stores[path] = SqliteWatch(path, SCHEMA)
        try:
            return question(store)
        except StoreError as error:
            self._troubles[path] = str(error)
            return otherwise
