"""What people ask of a queue in a storm, each in a process of its own that may be killed or have a step of it fail."""

import contextlib
import errno
import functools
import hashlib
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.errors import ThemisError
from themis.core.experiment import Experiment
from themis.core.files import durable
from themis.core.jobs.store_cache import StoreCache
from themis.core.models import Case, Dataset
from themis.core.queue import FileQueue
from themis.core.submission import run_worker_once, submit_experiment

CASES = 8

MODULE = '''
import asyncio, hashlib, os, sqlite3
from pathlib import Path
from themis.core.models import GenerationResult

COMMITTED = """
SELECT 1 FROM outcomes o JOIN runs r USING (run_no) WHERE r.run_id = ? AND o.case_no = ? AND o.stage = 1 AND o.ok = 1
"""

class Watched:
    """Answers after a while, and writes down each call, and whether its result had been committed before."""

    component_id = "storm/watched"
    version = "1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        home = Path(os.environ["STORM_HOME"])
        try:
            database = sqlite3.connect(f"file:{os.environ['STORM_STORE']}?mode=ro", uri=True, timeout=60)
            again = database.execute(COMMITTED, (ctx.run_id, int(case.case_id[1:]))).fetchone()
            database.close()
        except sqlite3.Error:
            again = None
        with open(home / "calls", "a") as calls:
            calls.write(f"{ctx.run_id} {case.case_id} {'committed' if again else 'new'}\\n")
        await asyncio.sleep(0.2)
        digest = hashlib.sha256(f"{ctx.run_id} {case.case_id}".encode()).hexdigest()
        return GenerationResult(candidate_id=case.case_id, final_output=digest[:12])
'''


def answer(run_id: str, case_id: str) -> str:
    """What the module answers."""
    return hashlib.sha256(f"{run_id} {case_id}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Order:
    """A command, and what happens to it: nothing, its death before step number `step`, or that step's failure."""

    name: str
    harm: str
    step: int
    seed: int
    number: int


def carry_out(home: str, disk: str, order: Order) -> None:
    """Do it, in this process; the end is 0 whether or not it could be done, unless that was a bug."""
    os.environ.update(STORM_HOME=home, STORM_STORE=f"{disk}/themis.sqlite3")
    sys.path.insert(0, home)
    chance = random.Random(order.seed)
    if order.harm != "none":
        durable.set_observer(_harm(order, chance))
    try:
        COMMANDS[order.name](Path(home), Path(disk), order, chance)
    except (ThemisError, OSError, sqlite3.Error):
        pass  # as told: a person would try again, or not
    except BaseException:
        with (Path(home) / "errors").open("a") as errors:
            errors.write(f"{order}\n{traceback.format_exc()}\n")
        os._exit(1)
    os._exit(0)


def fault(kind: str, chance: random.Random) -> Exception:
    """What a step raises that the system refuses."""
    if kind == "commit":
        error = sqlite3.OperationalError(chance.choice(("database or disk is full", "disk I/O error")))
        error.sqlite_errorcode = chance.choice((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR))
        return error
    number = chance.choice((errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EAGAIN, errno.EMFILE))
    return OSError(number, os.strerror(number), f"(injected at {kind})")


def _harm(order: Order, chance: random.Random) -> durable.Observer:
    steps = 0

    def observe(kind: str, *facts: object) -> None:
        nonlocal steps
        steps += 1
        if steps - 1 == order.step:
            if order.harm == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise fault(kind, chance)

    return observe


def _submit(home: Path, disk: Path, order: Order, chance: random.Random) -> None:
    experiment = Experiment(
        generation=GenerationConfig(generator="watched:Watched"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(disk / "themis.sqlite3")}),
        runtime=RuntimeConfig(
            queue_root=str(disk / "queue"), max_concurrent_tasks=2, max_attempts=1_000, max_worker_lost=1_000
        ),
        datasets=[
            Dataset(
                dataset_id=f"d{order.number}",
                cases=[Case(case_id=f"c{number}", input=number, expected_output="7") for number in range(CASES)],
            )
        ],
    )
    manifest = submit_experiment(experiment, priority=chance.randrange(10))
    key = manifest.manifest_path.stem.rpartition("-")[2].partition(".")[0]
    with (home / "acknowledged").open("a") as told:
        told.write(f"{key}\n")


def _of_queue(do: Callable[[FileQueue, random.Random], object]) -> Callable[[Path, Path, Order, random.Random], None]:
    @functools.wraps(do)
    def carry_out(home: Path, disk: Path, order: Order, chance: random.Random) -> None:
        stores = StoreCache()
        try:
            do(FileQueue(disk / "queue", stores), chance)
        finally:
            stores.close()

    return carry_out


def _some_key(queue: FileQueue, chance: random.Random, *states: str) -> str | None:
    rows = queue.admin.select(states=states)
    return chance.choice(rows).key if rows else None


def _cancel(queue: FileQueue, chance: random.Random) -> None:
    if chance.random() < 0.3 and (key := _some_key(queue, chance)):
        queue.admin.cancel(key)


def _retry(queue: FileQueue, chance: random.Random) -> None:
    if key := _some_key(queue, chance, "failed", "cancelled"):
        queue.admin.retry(key)


def _set(queue: FileQueue, chance: random.Random) -> None:
    if key := _some_key(queue, chance, "queued"):
        queue.admin.reschedule(
            key, priority=chance.randrange(10), not_before_ns=time.time_ns() + chance.randrange(10**9)
        )


def _prune(queue: FileQueue, chance: random.Random) -> None:
    found = list(queue.admin.prunable(("done", "failed", "cancelled", "rejected"), time.time_ns()))
    list(queue.admin.prune(chance.sample(found, min(len(found), 20))))


def _doctor(queue: FileQueue, chance: random.Random) -> None:
    queue.admin.doctor(fix=True)


def _look(queue: FileQueue, chance: random.Random) -> None:
    queue.admin.overview()
    if key := _some_key(queue, chance):
        queue.admin.show(key)
    queue.admin.doctor(fix=False)


def _work(home: Path, disk: Path, order: Order, chance: random.Random) -> None:
    with contextlib.suppress(ThemisError):
        run_worker_once(disk / "queue")


COMMANDS: dict[str, Callable[[Path, Path, Order, random.Random], None]] = {
    "submit": _submit,
    "cancel": _of_queue(_cancel),
    "retry": _of_queue(_retry),
    "set": _of_queue(_set),
    "prune": _of_queue(_prune),
    "doctor": _of_queue(_doctor),
    "list, show": _of_queue(_look),
    "worker run": _work,
}
NAMES = (*COMMANDS, "submit", "submit", "retry")
