"""How many jobs workers take from a queue of rows: beside a folder on a share, and while very many jobs wait.

    python tests/benchmarks/bench_row_queue.py [--short]

Eight processes claim and settle jobs as fast as they can, with both kinds of queue on the same server, which syncs
each commit to disk: the folder's jobs have their rows there too, as workers of many hosts can reach no other store. The
two run in turns, because a shared machine's speed changes from second to second; a ratio is the median of the turns'
ratios. Then one process claims and settles while few and while many jobs wait, in turns as well. Waiting jobs are put
in place without syncing each, which changes nothing for those that are measured.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg

from tests.benchmarks.bench_queue import unsynced
from tests.benchmarks.figures import exit_code, judged
from tests.support import postgres_server
from themis.core.queue import AttemptOutcome, Cause, FileQueue, NewJob, StoreAddress, this_process
from themis.core.queue.model import manifest_file
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.port import Queue
from themis.core.queue.rows import needs
from themis.core.queue.rows.row_queue import RowQueue
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.stores.job_rows import JOB_COLUMNS, Owner, flat
from themis.core.stores.postgres.store import PostgresRunStore

WORKERS = 8
LEAST_RATIO = 2.0
"""Of the jobs that workers take from a folder on a share."""
MOST_GROWTH = 1.2
"""Of the time for a job at the shorter length of the queue."""
PAYLOAD = {"mode": "worker_pool", "targets": {f"component_{number}": "package.module:name" for number in range(12)}}


@contextmanager
def opened(url: str, folder: Path | None) -> Iterator[tuple[Queue, PostgresRunStore]]:
    """A queue of rows in the store at an address, or, with a folder, one in that folder which hosts share."""
    store = PostgresRunStore(url)
    store.initialize()
    with closing(store):
        if folder is None:
            yield RowQueue(RowsPlace(url), lambda: store.jobs), store
        else:
            yield FileQueue(folder, lambda _: store.jobs, shared=True), store


def fill(url: str, folder: Path | None, first: int, count: int) -> None:
    """Have jobs wait: in a folder by submitting them, in rows by copies of one that was submitted."""
    with opened(url, folder) as (queue, store):
        jobs = [
            NewJob(f"{number:064x}", StoreAddress("postgres", url, store.jobs.store_id), PAYLOAD, "bench")
            for number in range(first, first + count)
        ]
        if folder is None:
            _copy(url, queue, jobs)
            return
        with unsynced(), store.jobs.transaction() as session:
            session.run("SET LOCAL synchronous_commit TO off")
            for job in jobs:
                queue.submit(job)


def _copy(url: str, queue: Queue, jobs: list[NewJob]) -> None:
    like = queue.submit(jobs[0]).row
    columns = ", ".join((*JOB_COLUMNS, "needs"))
    manifests = {job.key: manifest_file.encode(job.manifest(like.submitted_ns)).decode() for job in jobs[1:]}
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY jobs ({columns}) FROM STDIN".encode()) as copy:
            for number, job in enumerate(jobs[1:], 1):
                row = like._replace(key=job.key, run_id=job.run_id, submitted_ns=like.submitted_ns + number)
                copy.write_row((*flat(row), needs.of_text(manifests[job.key])))
        cursor.execute("CREATE TEMP TABLE texts (key text, manifest text)")
        with cursor.copy(b"COPY texts FROM STDIN") as copy:
            for pair in manifests.items():
                copy.write_row(pair)
        cursor.execute("INSERT INTO job_manifests SELECT job_no, texts.manifest FROM texts JOIN jobs USING (key)")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE jobs, job_manifests")


def work(url: str, folder: Path | None, jobs: int, together: Barrier) -> None:
    """Claim and settle a number of jobs, as one worker; the first one opens everything."""
    with opened(url, folder) as (queue, _):
        owner = this_process()
        claim_and_settle(queue, owner)
        together.wait()
        for _ in range(jobs):
            claim_and_settle(queue, owner)
        together.wait()


def claim_and_settle(queue: Queue, owner: Owner) -> None:
    """One job less."""
    while (claim := queue.claim(owner).claim) is None:
        queue.wake()
    claim.settle(AttemptOutcome(Cause.DONE))


def rate(url: str, folder: Path | None, first: int, jobs: int) -> float:
    """Jobs a second that eight workers claim and settle together."""
    fill(url, folder, first, WORKERS * (jobs + 1))
    fresh = multiprocessing.get_context("spawn")
    together = fresh.Barrier(WORKERS + 1)
    workers = [fresh.Process(target=work, args=(url, folder, jobs, together)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    together.wait()
    began_s = time.perf_counter()
    together.wait()
    took_s = time.perf_counter() - began_s
    for worker in workers:
        worker.join()
    return WORKERS * jobs / took_s


def growth(urls: tuple[str, str], lengths: tuple[int, int], jobs: int, rounds: int) -> list[tuple[float, float]]:
    """Seconds for a job at each of two lengths of the queue, of which there is one at each address, for each turn."""
    for url, length in zip(urls, lengths, strict=True):
        fill(url, None, 0, length + jobs * (rounds + 1))
    pairs = []
    for turn in range(rounds + 1):  # the first one fills caches
        took = {index: _seconds(urls[index], jobs) for index in ((0, 1) if turn % 2 else (1, 0))}
        pairs.append((took[0], took[1]))
    return pairs[1:]


def _seconds(url: str, jobs: int) -> float:
    with opened(url, None) as (queue, _):
        owner = replace(this_process(), worker="bench")
        claim_and_settle(queue, owner)
        began_s = time.perf_counter()
        for _ in range(jobs - 1):
            claim_and_settle(queue, owner)
        return (time.perf_counter() - began_s) / (jobs - 1)


def report(server: postgres_server.Server, folder: Path, *, short: bool) -> None:
    """Measure and print both figures."""
    urls = [_database(server, name) for name in ("rows", "shared", "few", "many")]
    jobs, rounds, lengths = (5, 1, (50, 200)) if short else (60, 5, (1_000, 100_000))
    turns = []
    for turn in range(rounds):
        first = turn * WORKERS * (jobs + 1)
        pair = {}
        for kind in ("rows", "folder") if turn % 2 else ("folder", "rows"):
            url, of_kind = (urls[0], None) if kind == "rows" else (urls[1], folder / "queue")
            pair[kind] = rate(url, of_kind, first, jobs)
        turns.append((pair["rows"], pair["folder"]))
    for index, name in enumerate(("rows", "folder on a share")):
        print(f"{name + ':':18} {statistics.median(turn[index] for turn in turns):8,.0f} jobs/s, {WORKERS} workers")
    ratio = statistics.median(rows / shared for rows, shared in turns)
    target = judged(
        "claim and settle, rows beside a folder", f"{ratio:.2f}", f"at least {LEAST_RATIO}", met=ratio >= LEAST_RATIO
    )
    print(f"claim and settle, rows beside a folder on a share: {ratio:.2f}  ({target})", flush=True)
    pairs = growth((urls[2], urls[3]), lengths, 10 if short else 150, 2 if short else 9)
    grown = statistics.median(many / few for few, many in pairs)
    target = judged(
        "claim and settle of rows, growth", f"{grown:.2f}", f"at most {MOST_GROWTH}", met=grown <= MOST_GROWTH
    )
    few, many = lengths
    print(f"claim and settle, {many:,} waiting beside {few:,}: {grown:.2f}  ({target})")


def _database(server: postgres_server.Server, name: str) -> str:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.url(name)


def main() -> int:
    """Print the ratios; exit code 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few jobs: shows that the benchmark runs")
    short = parser.parse_args().short
    if postgres_server.programs() is None:
        print("SKIPPED [1] no Postgres server is installed (Debian's package is postgresql)")
        return 0
    with postgres_server.servers_folder() as folder:
        os.environ[FOLDER_VARIABLE] = str(folder / "queues")
        server = postgres_server.Server(folder / "server", fsync="on", full_page_writes="on").start()
        try:
            report(server, folder, short=short)
        finally:
            server.stop()
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
