"""The stores of a queue, looked at again and again: one that cannot be read now is as it was when it could."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from themis.core.errors import UnavailableError
from themis.core.monitor.run_outline import UNKNOWN, RunOutline, RunOutlines
from themis.core.stores.reading import JobAndRun, StoreLocation, StoreReader
from themis.core.stores.registry import reader_of

PATIENCE_S = 0.5
"""A store that is busy for longer is shown as it was."""

Found = TypeVar("Found")


class WatchedStores:
    """Jobs by their keys, whichever store they are in.

    A look begins with `look`. A store that fails is not asked again before the next one: each time may take long.
    """

    def __init__(self) -> None:
        """No store is known yet."""
        self._stores: dict[StoreLocation, _Store] = {}
        self._troubles: dict[StoreLocation, str] = {}
        self._home: dict[str, StoreLocation] = {}
        self._jobs: dict[str, JobAndRun] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._outlines: dict[str, RunOutline] = {}
        self._ended: dict[StoreLocation, list[tuple[JobAndRun, RunOutline]]] = {}

    @property
    def troubles(self) -> list[str]:
        """What could not be read in this look, one line per store."""
        return list(self._troubles.values())

    def close(self) -> None:
        """Close all stores."""
        for store in self._stores.values():
            store.reader.close()

    def look(self, locations: Sequence[StoreLocation], keys: Sequence[str]) -> dict[str, JobAndRun]:
        """The jobs of these keys as they are now, those that some store knows."""
        self._troubles = {}
        before, home = self._jobs, self._home
        self._jobs, self._home = {}, {}
        for location in locations:
            known = {key: before[key] for key in keys if home.get(key) == location}
            found = self._ask(location, lambda store: store.reader.jobs(keys), known)
            self._jobs |= found
            self._home |= dict.fromkeys(found, location)
        self._counts = {key: count for key, count in self._counts.items() if key in self._jobs}
        self._outlines = {key: outline for key, outline in self._outlines.items() if key in self._jobs}
        return self._jobs

    def outline(self, job: JobAndRun) -> RunOutline:
        """What the run of a job of the last look is about."""
        key = job.job.key
        known = self._outlines.get(key, UNKNOWN)
        found = self._outlines[key] = self._ask(self._home[key], lambda store: store.outlines.of(job.run), known)
        return found

    def count_cases(self, job: JobAndRun) -> tuple[int, int]:
        """How many cases of a job of the last look ended, and how many of those failed."""
        key = job.job.key
        known = self._counts.get(key, (0, 0))
        found = self._counts[key] = self._ask(self._home[key], lambda store: store.reader.count_cases(job.run), known)
        return found

    def last_ended(
        self, locations: Sequence[StoreLocation], queue_id: str, limit: int
    ) -> list[tuple[JobAndRun, RunOutline]]:
        """The jobs of a queue that ended last, the latest first, and what they are about."""
        for location in locations:
            self._ended[location] = self._ask(
                location,
                lambda store: [(job, store.outlines.of(job.run)) for job in store.reader.last_ended(queue_id, limit)],
                self._ended.get(location, []),
            )
        found = [pair for location in locations for pair in self._ended[location]]
        return sorted(found, key=lambda pair: -(pair[0].job.ended_ns or 0))[:limit]

    def failed_cases(self, job: JobAndRun) -> int:
        """How many cases of a job failed that `last_ended` gave; 0 while nobody can say."""
        home = next(where for where, pairs in self._ended.items() if any(job is found for found, _ in pairs))
        return self._ask(home, lambda store: store.reader.count_cases(job.run), (0, 0))[1]

    def _ask(self, location: StoreLocation, question: "Callable[[_Store], Found]", otherwise: Found) -> Found:
        if location in self._troubles:
            return otherwise
        try:
            store = self._stores.get(location)
            if store is None:
                store = self._stores[location] = _Store(reader_of(location, patience_s=PATIENCE_S))
            return question(store)
        except UnavailableError as error:
            self._troubles[location] = str(error)
            return otherwise


class _Store:
    """A store that is watched."""

    def __init__(self, reader: StoreReader) -> None:
        self.reader = reader
        self.outlines = RunOutlines(reader)
