"""How near the queue comes to what its guarantees cost at least, as ratios measured in one run.

    python tests/benchmarks/bench_queue.py [--short]

The floor of a submit is one synced commit and a file written, synced, renamed and its folder synced. The floor of a
claim and its settling is two renames, one synced commit and one that is not. Both are measured on the same disk, on a
table of the same shape, in turns with what they are compared with, as a shared machine's disk changes from second to
second. Waiting jobs are put in place without syncing each, which changes nothing for those that are measured. Wait a
minute between runs: ext4 makes files slowly while it remembers those just removed.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tests.benchmarks.figures import exit_code, judged
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, FileQueue, NewJob, StoreAddress, this_process
from themis.core.queue.model.states import Cause
from themis.core.stores.sql.tables import JOB_TABLES
from themis.core.stores.sqlite.database import Database
from themis.core.stores.sqlite.jobs import SqliteJobStore

BLOCK = 25
LEAST_SHARE = 0.5
"""Of the floor's speed."""
MOST_GROWTH = 1.2
"""Of the time at the shorter length of the queue."""
PAYLOAD = {"mode": "worker_pool", "targets": {f"component_{number}": "package.module:name" for number in range(12)}}


class Floor:
    """The least that a durable queue over a folder and a store can do."""

    def __init__(self, folder: Path, waiting: int) -> None:
        """A folder with files and a table with rows, as many as there are waiting jobs."""
        self._folder = folder
        self._text = "x" * 900
        self._count = 0
        for name in ("tmp", "queued", "claimed", "done"):
            (folder / name).mkdir(parents=True)
        self._db = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, key TEXT UNIQUE, state TEXT, manifest TEXT)")
        self._db.execute("BEGIN")
        for number in range(waiting):
            self._row(number)
            (folder / "queued" / f"{number}.json").touch()
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA synchronous = FULL")
        self._count = waiting
        self._next = 0

    def submit(self) -> None:
        """One synced commit; a file written, synced, renamed; its folder synced."""
        number, self._count = self._count, self._count + 1
        self._db.execute("BEGIN IMMEDIATE")
        self._row(number)
        self._db.execute("COMMIT")
        hidden, target = self._folder / "tmp" / str(number), self._folder / "queued" / f"{number}.json"
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, self._text.encode())
        os.fsync(descriptor)
        os.close(descriptor)
        hidden.rename(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def claim_and_settle(self) -> None:
        """Two renames, one commit that is not synced and one that is."""
        number, self._next = self._next, self._next + 1
        name = f"{number}.json"
        (self._folder / "queued" / name).rename(self._folder / "claimed" / name)
        self._commit("running", number, "NORMAL")
        self._commit("done", number, "FULL")
        (self._folder / "claimed" / name).rename(self._folder / "done" / name)

    def _row(self, number: int) -> None:
        self._db.execute("INSERT INTO t VALUES (?, ?, 'queued', ?)", (number, f"{number:016x}", self._text))

    def _commit(self, state: str, number: int, synchronous: str) -> None:
        self._db.execute(f"PRAGMA synchronous = {synchronous}")
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE t SET state = ? WHERE n = ?", (state, number))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the table."""
        self._db.close()


class Subject:
    """The queue itself."""

    def __init__(self, folder: Path, waiting: int) -> None:
        """A queue with `waiting` jobs."""
        self._database = Database(folder / "store.sqlite3")
        self._database.ensure_schema(JOB_TABLES, 1)
        self._store = SqliteJobStore(self._database)
        self._address = StoreAddress("sqlite", str(folder / "store.sqlite3"), self._store.store_id)
        self.queue = FileQueue(folder / "queue", lambda _: self._store)
        self._owner = this_process("bench")
        self._count = 0
        with unsynced():
            for _ in range(waiting):
                self.submit()

    def submit(self) -> None:
        """One job more."""
        self._count += 1
        self.queue.submit(NewJob(f"{self._count:064x}", self._address, PAYLOAD, "bench"))

    def claim_and_settle(self) -> None:
        """One job less."""
        claim = self.queue.claim(self._owner).claim
        if claim is None:
            msg = "no job to claim"
            raise RuntimeError(msg)
        claim.settle(AttemptOutcome(Cause.DONE))

    def close(self) -> None:
        """Close the store."""
        self._database.close()


class unsynced:  # noqa: N801  # reads as a statement
    """A block in which nothing is synced, to fill a queue quickly."""

    def __enter__(self) -> None:
        """Replace fsync by nothing, and have SQLite not sync either."""
        self._fsync = os.fsync
        self._transaction = Database.transaction
        os.fsync = lambda _: None  # type: ignore[assignment]
        original = self._transaction
        Database.transaction = lambda database, *, synced=True: original(database, synced=False)  # type: ignore[method-assign,assignment]

    def __exit__(self, *_: object) -> None:
        """Put them back."""
        os.fsync = self._fsync
        Database.transaction = self._transaction  # type: ignore[method-assign]


def compare(ours: Callable[[], None], floor: Callable[[], None], blocks: int) -> tuple[float, float]:
    """Median seconds of each, in turns of `BLOCK`."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(blocks):
        for measured, action in zip(times, (ours, floor), strict=True):
            began = time.perf_counter()
            for _ in range(BLOCK):
                action()
            measured.append((time.perf_counter() - began) / BLOCK)
    return statistics.median(times[0]), statistics.median(times[1])


def measure(folder: Path, waiting: int, blocks: int) -> Iterator[tuple[str, int, float, float]]:
    """Lines of the table for one length of the queue."""
    with closing(Floor(folder / "floor", waiting)) as floor, closing(Subject(folder / "ours", waiting)) as ours:
        for name, mine, least in (
            ("submit", ours.submit, floor.submit),
            ("claim + settle", ours.claim_and_settle, floor.claim_and_settle),
        ):
            compare(mine, least, 2)
            yield name, waiting, *compare(mine, least, blocks)


def main() -> int:
    """Print the table; 1 when a figure misses its target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer waiting jobs and rounds: does it run at all")
    short = parser.parse_args().short
    lengths, blocks = ((100, 1_000), 4) if short else ((1_000, 100_000), 24)
    durable.set_observer(None)
    results: dict[str, list[tuple[float, float]]] = {}
    print("| operation | waiting | ours, ms | floor, ms | ours / floor, in speed | target |\n|---|---|---|---|---|---|")
    folder = Path(tempfile.mkdtemp(prefix="bench-queue-"))
    try:
        for waiting in lengths:
            for name, length, ours_s, floor_s in measure(folder / str(waiting), waiting, blocks):
                results.setdefault(name, []).append((ours_s, floor_s))
                share = floor_s / ours_s
                target = judged(
                    f"{name} at {length:,}: share of the floor's speed",
                    f"{share:.2f}",
                    f"{LEAST_SHARE}",
                    met=share >= LEAST_SHARE,
                )
                cells = (f"{ours_s * 1e3:.3f}", f"{floor_s * 1e3:.3f}", f"{share:.2f}", target)
                print(f"| {name} | {length:,} | {' | '.join(cells)} |", flush=True)
    finally:
        # Last of all: ext4 makes files slowly for half a minute after many were removed.
        shutil.rmtree(folder)
    for name, (few, many) in results.items():
        ours, floor = (many_s / few_s for few_s, many_s in zip(few, many, strict=True))
        target = judged(
            f"{name}: time at {lengths[1]:,} over {lengths[0]:,}",
            f"{ours:.2f}",
            f"{MOST_GROWTH} at most",
            met=ours <= MOST_GROWTH,
        )
        growth = f"it takes {ours:.2f} of the time at {lengths[0]:,} (floor: {floor:.2f})"
        print(f"{name}: at {lengths[1]:,} waiting {growth}   target {target}")
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
