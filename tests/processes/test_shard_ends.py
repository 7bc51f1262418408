"""Runs whose shards end at the same moment, in processes that may be killed there: each run ends exactly once."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.processes.crash_points import context
from tests.support import postgres_server
from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.config import StorageConfig
from themis.core.errors import ClaimLostError, QueueBusyError
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.queue import FileQueue, NewJob, StoreAddress, this_process
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.model.states import DONE
from themis.core.queue.port import JobClaim, Queue
from themis.core.queue.rows.row_queue import RowQueue
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.results import RunStatus
from themis.core.stores import RunStore, create_run_store, sqlite_store
from themis.core.stores.shards.rows import slices

RUNS, SHARDS, CASES = 100, 8, 24
KILLED = 0.4
"""The share of processes that are killed: before their end is written, while it is, or after."""

SEEN = "CREATE TABLE ends_seen (run_id TEXT NOT NULL)"
SQLITE_TRIGGER = """
CREATE TRIGGER count_ends AFTER UPDATE ON runs WHEN OLD.ended_ms IS NULL AND NEW.ended_ms IS NOT NULL
BEGIN INSERT INTO ends_seen VALUES (NEW.run_id); END
"""
END_FUNCTION = """
CREATE FUNCTION count_end() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN INSERT INTO ends_seen VALUES (NEW.run_id); RETURN NEW; END'
"""
END_TRIGGER = """
CREATE TRIGGER count_ends AFTER UPDATE ON runs FOR EACH ROW
WHEN (OLD.ended_ms IS NULL AND NEW.ended_ms IS NOT NULL) EXECUTE FUNCTION count_end()
"""


@contextmanager
def opened(kind: str, where: str) -> Iterator[tuple[RunStore, Queue]]:
    """A store and a queue, as one process sees them; `where` is a folder, or the address of a database and a folder."""
    url, _, folder = where.rpartition(" ")
    if kind == "sqlite":
        store: RunStore = sqlite_store(Path(folder) / "store.sqlite3")
    else:
        store = create_run_store(StorageConfig(store="postgres", parameters={"url": url}))
    with closing(store):
        queue: Queue
        if kind == "rows":
            queue = RowQueue(RowsPlace(url), lambda: store.jobs, rescan_s=0.0)
        else:
            queue = FileQueue(Path(folder) / "queue", lambda _: store.jobs, rescan_s=0.0)
        yield store, queue


def submit(store: RunStore, queue: Queue, number: int) -> str:
    """Submit a run in eight shards; returns its id."""
    snapshot = experiment(ScriptedGenerator(), datasets=[dataset(CASES, f"run-{number}")]).compile()
    address = StoreAddress("x", "x", store.jobs.store_id)
    parts = slices(CASES, SHARDS)
    jobs = [
        NewJob(snapshot.run_id, address, {}, "1", shard=(no, SHARDS), cases=part) for no, part in enumerate(parts, 1)
    ]

    def prepare() -> None:
        if store.create_run(snapshot):
            store.put_shards(snapshot.run_id, parts, reopens=True)

    assert sum(len(batch) for batch in queue.submit_all([BulkJob(job, prepare) for job in jobs])) == SHARDS
    return snapshot.run_id


def work(store: RunStore, claim: JobClaim) -> None:
    """Carry out a shard up to its last case."""
    store.begin_shard(claim.row.run_id, claim.fence)
    first, stop = claim.manifest.cases or (0, 0)
    ends = [CaseEnd(no, 0, f"c{no}", b"d", False, Stage.SCORE) for no in range(first, stop)]
    store.append(claim.row.run_id, [], ends, fence=claim.fence)
    store.finish_shard(claim.row.run_id, Stage.SCORE, claim.fence)


def end_together(kind: str, where: str, barrier: Barrier, seed: int, *, kills: bool) -> None:
    """Carry out one shard, and end it when all others do, or die there."""
    chance = random.Random(seed)
    with opened(kind, where) as (store, queue):
        while (claim := queue.claim(this_process(f"worker-{seed}")).claim) is None:
            time.sleep(0.01)
        work(store, claim)
        is_killed = kills and chance.random() < KILLED
        barrier.wait(60)
        if is_killed:
            threading.Timer(chance.uniform(0, 0.03), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        claim.settle(DONE)
        if is_killed:
            time.sleep(1)


def ends_of(store: RunStore, run_id: str) -> int:
    """How often a run was ended."""
    with store.transaction() as connection:
        return int(connection.execute("SELECT count(*) FROM ends_seen WHERE run_id = ?", (run_id,)).fetchone()[0])


def race(kind: str, where: str, number: int, *, kills: bool) -> None:
    """Let one run's shards end at one barrier; what a killed process left is done by this one."""
    with opened(kind, where) as (store, queue):
        run_id = submit(store, queue, number)
    server = context()
    barrier = server.Barrier(SHARDS)
    children = [
        server.Process(target=end_together, args=(kind, where, barrier, number * SHARDS + one), kwargs={"kills": kills})
        for one in range(SHARDS)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert {child.exitcode for child in children} <= {0, -signal.SIGKILL}
    with opened(kind, where) as (store, queue):
        until = time.monotonic() + 60
        while not all(shard.settled for shard in store.shards(run_id)):
            assert time.monotonic() < until, [store.jobs.load(shard.key) for shard in store.shards(run_id)]
            with contextlib.suppress(QueueBusyError, ClaimLostError):
                claim = queue.claim(this_process("last")).claim
                if claim is not None:
                    work(store, claim)
                    claim.settle(DONE)
        record = store.load_run(run_id)
        assert record is not None
        assert (record.status, record.completed_through) == (RunStatus.COMPLETED, "score")
        assert ends_of(store, run_id) == 1
        assert store.count_ends(run_id) == (CASES, 0)


def place_for(kind: str, folder: Path) -> str:
    """A new place for a store and a queue, with what counts the ends of runs."""
    where = f"{'' if kind == 'sqlite' else postgres_server.schema_url()} {folder}"
    with opened(kind, where) as (store, _):
        store.initialize()
        with store.transaction() as connection:
            triggers = (SQLITE_TRIGGER,) if kind == "sqlite" else (END_FUNCTION, END_TRIGGER)
            for statement in (SEEN, *triggers):
                connection.execute(statement)
    return where


@pytest.mark.slow
@pytest.mark.parametrize("kills", [False, True], ids=["calm", "killed"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "rows"])
def test_each_of_a_hundred_runs_ends_exactly_once(
    tmp_path: Path, kind: str, kills: bool, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    where = place_for(kind, tmp_path)
    runs = 6 if short else RUNS
    for number in range(runs):
        race(kind, where, number, kills=kills)
    with capsys.disabled():
        print(f"\n  {runs} runs of {SHARDS} shards that ended at one barrier: each ended once", end="")  # noqa: T201


def test_a_few_runs_end_exactly_once(tmp_path: Path) -> None:
    where = place_for("sqlite", tmp_path)
    race("sqlite", where, 0, kills=False)
    race("sqlite", where, 1, kills=True)
