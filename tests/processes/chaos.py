"""Daemons and the processes of their jobs, struck at random while they work off a queue; and what must come of it."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes.worker_world import REPOSITORY
from tests.support.waiting import until
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.jobs.store_cache import StoreCache
from themis.core.models import Case, Dataset
from themis.core.queue import FileQueue
from themis.core.submission import submit_experiment

MODULE = '''
import asyncio, hashlib, os, sqlite3
from pathlib import Path
from themis.core.models import GenerationResult

COMMITTED = """
SELECT 1 FROM outcomes o JOIN runs r USING (run_no) WHERE r.run_id = ? AND o.case_no = ? AND o.stage = 1 AND o.ok = 1
"""

class Watched:
    """Answers after a while, and writes down each call, and whether its result had been committed before."""

    component_id = "chaos/watched"
    version = "1"

    def __init__(self, seconds):
        self.seconds = seconds
        self.database = None

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        home = Path(os.environ["CHAOS_HOME"])
        if self.database is None:
            self.database = sqlite3.connect(f"file:{home / 'themis.sqlite3'}?mode=ro", uri=True, timeout=60)
        again = self.database.execute(COMMITTED, (ctx.run_id, int(case.case_id[1:]))).fetchone()
        with open(home / "calls", "a") as calls:
            calls.write(f"{ctx.run_id} {case.case_id} {'committed' if again else 'new'}\\n")
        await asyncio.sleep(self.seconds)
        digest = hashlib.sha256(f"{ctx.run_id} {case.case_id}".encode()).hexdigest()
        return GenerationResult(candidate_id=case.case_id, final_output=digest[:1])
'''

RESULTS = """
SELECT r.run_id, o.case_no, o.stage, o.item, o.ok, o.value, o.output, o.body
FROM outcomes o JOIN runs r USING (run_no) ORDER BY 1, 2, 3, 4
"""
ENDS = """
SELECT r.run_id, r.status, c.case_no, c.case_id, c.digest, c.failed
FROM cases c JOIN runs r USING (run_no) ORDER BY 1, 3
"""

Launch = Callable[[], Sequence[str]]
"""Gives what a daemon is started with."""


@dataclass
class Size:
    """How much is tried."""

    experiments: int
    cases: int
    blows: int
    seconds_a_case: float
    blow_pause_s: float = 0.5


@dataclass
class Told:
    """What happened, for whoever looks at the test."""

    seed: int
    blows: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    attempts: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    calls: int = 0


def submit_all(folder: Path, queue_root: Path, size: Size) -> None:
    """A queue of experiments, whose answers are the same wherever they are run."""
    (folder / "watched.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        sys.modules.pop("watched", None)
        for number in range(size.experiments):
            cases = [Case(case_id=f"c{no}", input=no, expected_output="7") for no in range(size.cases)]
            experiment = Experiment(
                generation=GenerationConfig(
                    generator={"use": "watched:Watched", "with": {"seconds": size.seconds_a_case}}
                ),
                evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
                storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
                runtime=RuntimeConfig(
                    queue_root=str(queue_root), max_concurrent_tasks=4, max_attempts=1_000, max_worker_lost=1_000
                ),
                datasets=[Dataset(dataset_id=f"d{number}", cases=cases)],
            )
            submit_experiment(experiment)
    finally:
        sys.path.remove(str(folder))


class Daemons:
    """So many daemons; one that ends is started again."""

    def __init__(self, folder: Path, launches: Sequence[Launch], told: Told) -> None:
        """Each daemon is started by its own launch."""
        self.folder = folder
        self._launches = launches
        self._told = told
        self._log = (folder / "daemons.log").open("a", encoding="utf-8")
        self._running = [self._start(number) for number in range(len(launches))]

    def mend(self) -> None:
        """Start again those that have ended."""
        for number, process in enumerate(self._running):
            code = process.poll()
            if code is not None:
                self._told.exits[code] += 1
                self._running[number] = self._start(number)

    def any(self, chance: random.Random) -> "subprocess.Popen[bytes]":
        """One of them."""
        return chance.choice(self._running)

    def stop(self) -> None:
        """End them all in good order."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            process.wait(60)
        self._log.close()

    def kill(self) -> None:
        """End them all, whatever happened."""
        for process in self._running:
            process.kill()
            process.wait()
        self._log.close()

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "CHAOS_HOME": str(self.folder), "PYTHONPATH": f"{REPOSITORY}:{self.folder}"}
        return subprocess.Popen(self._launches[number](), stderr=self._log, env=environment, cwd="/")


def daemon_command(queue_root: Path, *options: str) -> list[str]:
    """A daemon with two slots, that ends soon when it is told to."""
    return [
        *(sys.executable, "-m", "themis", "worker", "--queue-root", str(queue_root)),
        *("--slots", "2", "--grace", "0.5", "--job-grace", "1", *options),
    ]


def calm_run(folder: Path, size: Size) -> None:
    """The same experiments, run by one daemon that nobody disturbs."""
    folder.mkdir()
    submit_all(folder, folder / "queue", Size(size.experiments, size.cases, 0, size.seconds_a_case))
    told = Told(0)
    daemons = Daemons(folder, [lambda: [*daemon_command(folder / "queue"), "--drain"]], told)
    try:
        until(lambda: unfinished(folder / "queue") == 0, "the calm run to end", 600.0)
    finally:
        daemons.kill()


def storm(folder: Path, queue_root: Path, launches: Sequence[Launch], size: Size, told: Told) -> None:
    """Let the daemons work, strike at random, and wait until everything has ended."""
    chance = random.Random(told.seed)
    daemons = Daemons(folder, launches, told)
    try:
        until(lambda: job_processes(folder), "the first job to run")
        for _ in range(size.blows):
            time.sleep(chance.uniform(0.2, 1.8) * size.blow_pause_s)
            _strike(daemons, folder, chance, told)
            daemons.mend()
        patient_until = time.monotonic() + 600.0
        while unfinished(queue_root) and time.monotonic() < patient_until:
            time.sleep(0.2)
            daemons.mend()
        daemons.stop()
    except BaseException:
        daemons.kill()
        raise


def check(folder: Path, calm: Path, queue_root: Path, told: Told) -> None:
    """What was promised: all ended, each result once and equal to the calm run's, nothing committed done again."""
    stores = StoreCache()
    try:
        queue = FileQueue(queue_root, stores)
        counts = queue.admin.counts()
        assert {state: count for state, count in counts.items() if count and state != "done"} == {}
        for job in queue.admin.list_jobs(limit=None):
            attempts = queue.admin.show(job.key).attempts
            told.attempts += len(attempts)
            told.causes.update(attempt.cause for attempt in attempts)
            assert [attempt.cause for attempt in attempts].count("done") == 1
    finally:
        stores.close()
    for query in (RESULTS, ENDS):
        assert _rows(folder, query) == _rows(calm, query)
    calls = (folder / "calls").read_text().splitlines()
    told.calls = len(calls)
    assert [call for call in calls if call.endswith("committed")] == []


def unfinished(queue_root: Path) -> int:
    """How many jobs have not ended."""
    folders = [queue_root / state for state in ("queued", "waiting", "claimed")]
    return sum(not path.name.startswith(".") for folder in folders for path in folder.iterdir())


def job_processes(folder: Path) -> list[int]:
    """The processes that run jobs of the queue in `folder`."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_job = path.name.isdecimal() and (path / "comm").read_text() == "themis-job\n"
            if is_job and str(folder).encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
    return found


def _strike(daemons: Daemons, folder: Path, chance: random.Random, told: Told) -> None:
    """One blow, to a daemon or to a job's process."""
    blow = chance.choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM))
    jobs = job_processes(folder)
    if jobs and chance.random() < 0.5:
        victim, pid = "job", chance.choice(jobs)
    else:
        victim, pid = "daemon", daemons.any(chance).pid
    told.blows[f"{blow.name} {victim}"] += 1
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, blow)
        if blow is signal.SIGSTOP:
            time.sleep(chance.choice((0.1, 0.5, 2.0)))
            os.kill(pid, signal.SIGCONT)


def _rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "themis.sqlite3")) as database:
        return database.execute(query).fetchall()


def report(told: Told, size: Size, daemons: int) -> Iterator[str]:
    """What was tried, in lines."""
    yield f"{size.experiments} experiments of {size.cases} cases, {daemons} daemons of 2 slots, seed {told.seed}"
    yield f"blows: {', '.join(f'{count} {blow}' for blow, count in sorted(told.blows.items()))}"
    yield f"daemons started again after exit codes: {dict(sorted(told.exits.items()))}"
    yield f"attempts: {told.attempts} ({', '.join(f'{count} {cause}' for cause, count in sorted(told.causes.items()))})"
    yield f"generator calls: {told.calls}, of which for committed cases: none"
