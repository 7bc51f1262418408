"""Repeated reads of a queue's stores: a store that cannot be read now keeps its last known state."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from themis.core.errors import UnavailableError
from themis.core.monitor.run_outline import UNKNOWN, RunOutline, RunOutlines
from themis.core.stores.reading import JobAndRun, StoreLocation, StoreReader
from themis.core.stores.registry import reader_of
from themis.core.stores.shards.rows import ShardRow, is_shard

PATIENCE_S = 0.5
"""Seconds to wait for a busy store before its last known state is shown."""

Found = TypeVar("Found")


class WatchedStores:
    """Jobs by key, from all stores.

    Each round of reads begins with `look`. A store that fails is not read again in the same round: each try may take
    long.
    """

    def __init__(self) -> None:
        """Start without any store."""
        self._stores: dict[StoreLocation, _Store] = {}
        self._sizes: dict[str, int] = {}
        self._troubles: dict[StoreLocation, str] = {}
        self._home: dict[str, StoreLocation] = {}
        self._jobs: dict[str, JobAndRun] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._outlines: dict[str, RunOutline] = {}
        self._ended: dict[StoreLocation, list[tuple[JobAndRun, RunOutline]]] = {}

    @property
    def troubles(self) -> list[str]:
        """Messages of the stores that could not be read in this round, one line each."""
        return list(self._troubles.values())

    def close(self) -> None:
        """Close all stores."""
        for store in self._stores.values():
            store.reader.close()

    def look(self, locations: Sequence[StoreLocation], keys: Sequence[str]) -> dict[str, JobAndRun]:
        """Begin a round: return the present state of the jobs with these keys that any store knows."""
        self._troubles = {}
        before, home = self._jobs, self._home
        self._jobs, self._home = {}, {}
        for location in locations:
            known = {key: before[key] for key in keys if home.get(key) == location}
            found = self._ask(location, lambda store: store.reader.jobs(keys), known)
            self._jobs |= {key: self._of_shard(location, pair) for key, pair in found.items()}
            self._home |= dict.fromkeys(found, location)
        self._counts = {key: count for key, count in self._counts.items() if key in self._jobs}
        self._outlines = {key: outline for key, outline in self._outlines.items() if key in self._jobs}
        return self._jobs

    def outline(self, job: JobAndRun) -> RunOutline:
        """The outline of the run of a job from the last `look`."""
        key = job.job.key
        known = self._outlines.get(key, UNKNOWN)
        found = self._outlines[key] = self._ask(self._home[key], lambda store: store.outlines.of(job.run), known)
        return found

    def count_cases(self, job: JobAndRun) -> tuple[int, int]:
        """Number of ended cases of a job from the last `look`, and number of those that failed."""
        key = job.job.key
        if is_shard(key):
            return 0, 0  # its worker's report says more
        known = self._counts.get(key, (0, 0))
        found = self._counts[key] = self._ask(self._home[key], lambda store: store.reader.count_cases(job.run), known)
        return found

    def last_ended(
        self, locations: Sequence[StoreLocation], queue_id: str, limit: int
    ) -> list[tuple[JobAndRun, RunOutline]]:
        """The jobs of a queue that ended last, latest first, with their outlines."""
        for location in locations:
            self._ended[location] = self._ask(
                location,
                lambda store: [(job, store.outlines.of(job.run)) for job in store.reader.last_ended(queue_id, limit)],
                self._ended.get(location, []),
            )
        found = [
            (self._of_shard(location, job), outline) for location in locations for job, outline in self._ended[location]
        ]
        return sorted(found, key=lambda pair: -(pair[0].job.ended_ns or 0))[:limit]

    def failed_cases(self, job: JobAndRun) -> int:
        """Number of failed cases of a job that `last_ended` returned; 0 while that is unknown."""
        key = job.job.key
        home = next(where for where, pairs in self._ended.items() if any(key == found.job.key for found, _ in pairs))
        if is_shard(key):
            shards = self._shards(home, job)
            return next((shard.failed for shard in shards if shard.key == key), 0)
        return self._ask(home, lambda store: store.reader.count_cases(job.run), (0, 0))[1]

    def _of_shard(self, location: StoreLocation, found: JobAndRun) -> JobAndRun:
        """A job with its run; that of a shard has the number of the shard's cases in place of the run's."""
        key = found.job.key
        if not is_shard(key):
            return found
        if key not in self._sizes:
            shards = self._shards(location, found)
            self._sizes |= {shard.key: shard.stop - shard.first for shard in shards}
        return JobAndRun(found.job, found.run._replace(total_cases=self._sizes.get(key, found.run.total_cases)))

    def _shards(self, location: StoreLocation, found: JobAndRun) -> list[ShardRow]:
        none: list[ShardRow] = []
        return self._ask(location, lambda store: store.reader.shards(found.run.run_id), none)

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
