"""How near the submission of many jobs comes to what their files cost at least, as a ratio measured in one run.

    python tests/benchmarks/bench_bulk_submit.py [--short]

The floor writes and syncs as many files of the same size under hidden names, renames them, and syncs the folder once
for each batch; it keeps no rows and takes no locks. Both run in turns, batch by batch, on the same disk, as a shared
machine's disk changes from second to second. The share is that of all jobs together; beside it stands that of the
median batch.
Wait a minute between runs: ext4 makes files slowly while it remembers those just removed.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.benchmarks.figures import exit_code, judged
from themis.core.files import durable
from themis.core.queue import FileQueue, NewJob, StoreAddress
from themis.core.queue.transitions.bulk_submitting import MOST_AT_ONCE, BulkJob
from themis.core.stores.sql.tables import JOB_TABLES
from themis.core.stores.sqlite.database import Database
from themis.core.stores.sqlite.jobs import SqliteJobStore

LEAST_SHARE = 0.8
"""Of the floor's speed."""
PAYLOAD = {"mode": "worker_pool", "targets": {f"component_{number}": "package.module:name" for number in range(12)}}


class Floor:
    """Files that are written, synced and renamed, and a folder that is synced once a batch."""

    def __init__(self, folder: Path, size: int) -> None:
        """Files of `size` bytes, in a folder beside that of their hidden names."""
        self._hidden, self._named = folder / "tmp", folder / "queued"
        for one in (self._hidden, self._named):
            one.mkdir(parents=True)
        self._data = b"x" * size
        self._count = 0

    def batch(self, jobs: int) -> None:
        """So many files more."""
        numbers = range(self._count, self._count + jobs)
        self._count += jobs
        for number in numbers:
            descriptor = os.open(self._hidden / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, self._data)
            os.fsync(descriptor)
            os.close(descriptor)
        for number in numbers:
            (self._hidden / str(number)).rename(self._named / f"{number}.json")
        descriptor = os.open(self._named, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


class Subject:
    """The queue itself."""

    def __init__(self, folder: Path) -> None:
        """A queue without jobs."""
        self._database = Database(folder / "store.sqlite3")
        self._database.ensure_schema(JOB_TABLES, 1)
        store = SqliteJobStore(self._database)
        self._address = StoreAddress("sqlite", str(folder / "store.sqlite3"), store.store_id)
        self._queue = FileQueue(folder / "queue", lambda _: store)
        self._count = 0

    def batch(self, jobs: int) -> None:
        """So many jobs more."""
        numbers = range(self._count, self._count + jobs)
        self._count += jobs
        made = [BulkJob(NewJob(f"{number:064x}", self._address, PAYLOAD, "bench")) for number in numbers]
        found = [one for batch in self._queue.submit_all(made) for one in batch]
        if len(found) != jobs or not all(one.created for one in found):
            msg = "not all of them are new"
            raise RuntimeError(msg)

    @property
    def file_size(self) -> int:
        """Bytes of a job's file."""
        return next(self._queue.path.glob("queued/*.json")).stat().st_size

    def close(self) -> None:
        """Close the store."""
        self._database.close()


def timed(folder: Path, jobs: int) -> Iterator[tuple[float, float]]:
    """Seconds a job of ours and of the floor, batch by batch."""
    with closing(Subject(folder / "ours")) as ours:
        ours.batch(MOST_AT_ONCE)
        floor = Floor(folder / "floor", ours.file_size)
        floor.batch(MOST_AT_ONCE)
        for number in range(jobs // MOST_AT_ONCE):
            turns: list[tuple[int, Subject | Floor]] = [(0, ours), (1, floor)]
            seconds = [0.0, 0.0]
            for place, one in turns if number % 2 else reversed(turns):
                began = time.perf_counter()
                one.batch(MOST_AT_ONCE)
                seconds[place] = (time.perf_counter() - began) / MOST_AT_ONCE
            yield seconds[0], seconds[1]


def main() -> int:
    """Print the figures; 1 when the share misses its target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer jobs: does it run at all")
    short = parser.parse_args().short
    durable.set_observer(None)
    jobs = 1_024 if short else 10_240
    folder = Path(tempfile.mkdtemp(prefix="bench-bulk-submit-"))
    try:
        (folder / "ours").mkdir()
        times = list(timed(folder, jobs))
    finally:
        shutil.rmtree(folder)
    ours_s, floor_s = (statistics.median(one) for one in zip(*times, strict=True))
    median = statistics.median(floor / ours for ours, floor in times)
    whole = sum(floor for _, floor in times) / sum(ours for ours, _ in times)
    target = judged(
        "bulk submit: share of the floor's speed", f"{whole:.2f}", f"{LEAST_SHARE}", met=whole >= LEAST_SHARE
    )
    print("| jobs | ours, ms a job | floor, ms a file | ours / floor, in speed | median batch | target |")
    print("|---|---|---|---|---|---|")
    print(f"| {jobs:,} | {ours_s * 1e3:.3f} | {floor_s * 1e3:.3f} | {whole:.2f} | {median:.2f} | {target} |")
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
