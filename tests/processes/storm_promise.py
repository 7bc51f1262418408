"""What was done to a queue in a storm, in numbers, and what was promised, looked at after it."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import storm_commands
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue
from themis.core.queue.model.layout import JOB_FOLDERS, parse

ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass
class Counts:
    """What was done to a queue, and what became of it."""

    seed: int
    seconds: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    calls: int = 0

    def lines(self) -> Iterator[str]:
        """All of it, in lines."""
        yield f"storm of {self.seconds:.0f} s, seed {self.seed}"
        for name, count in sorted(self.done.items()):
            yield f"  {count:6,} {name}"
        yield f"jobs: {_told(self.states)}; attempts: {_told(self.causes)}"
        yield f"daemons that ended by exit code: {dict(sorted(self.exits.items()))}; generator calls: {self.calls:,}"
        yield "lost: none; ended twice: none; committed twice: none; repeated after its commit: none"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def check(home: Path, disk: Path, dropped: set[str], counts: Counts) -> None:
    """What was promised: each acknowledged job ended once, with one file and its reason; nothing committed twice.

    `dropped` are the keys of files that were nobody's job.
    """
    acknowledged = set((home / "acknowledged").read_text().split())
    stores = StoreCache()
    try:
        queue = FileQueue(disk / "queue", stores)
        files: dict[str, list[str]] = {}
        for folder in JOB_FOLDERS:
            for path in (disk / "queue" / folder).iterdir():
                if entry := parse(folder, path.name):
                    files.setdefault(entry.key, []).append(folder)
        rows = {row.key: row for row in queue.admin.select()}
        with closing(sqlite3.connect(disk / "themis.sqlite3")) as store:
            known = dict(store.execute("SELECT key, state FROM jobs").fetchall())
            _check_attempts(store, counts)
            _check_results(store)
        assert acknowledged <= known.keys(), f"lost: {acknowledged - known.keys()}"
        for key, state in known.items():
            counts.states[state] += 1
            assert state in ENDED, f"{key} is {state}"
            if key in rows:  # the others were pruned
                assert files.get(key) == [state], f"{key} is {state}, its file in {files.get(key)}"
                assert rows[key].cause, f"{key} is {state} without a reason"
        # Of those that were nobody's job, such as are for newer workers are left.
        assert files.keys() <= rows.keys() | dropped, "a file without a job"
    finally:
        stores.close()
    calls = (home / "calls").read_text().splitlines()
    counts.calls = len(calls)
    assert [call for call in calls if call.endswith("committed")] == []


def _check_attempts(store: sqlite3.Connection, counts: Counts) -> None:
    query = "SELECT j.key, a.attempt, a.cause FROM job_attempts a JOIN jobs j USING (job_no) ORDER BY 1, 2"
    attempts: dict[str, list[tuple[int, str]]] = {}
    for key, attempt, cause in store.execute(query):
        attempts.setdefault(key, []).append((attempt, cause))
        counts.causes[cause] += 1
    for key, state, number in store.execute("SELECT key, state, attempt FROM jobs"):
        found = attempts.get(key, [])
        assert [attempt for attempt, _ in found] == list(range(1, number + 1)), f"{key}: {found}"
        done = [cause for _, cause in found].count("done")
        assert done <= 1, f"{key} ended twice: {found}"
        assert state != "done" or done == 1, f"{key}: {found}"


def _check_results(store: sqlite3.Connection) -> None:
    """A run that is done has each of its cases once, with the answer that it has wherever it is run."""
    query = """
        SELECT r.run_id, o.case_no, o.output FROM outcomes o JOIN runs r USING (run_no) JOIN jobs j USING (run_id)
        WHERE j.state = 'done' AND o.stage = 1 AND o.ok = 1
    """
    found: dict[str, list[int]] = {}
    for run_id, case, output in store.execute(query):
        found.setdefault(run_id, []).append(case)
        assert storm_commands.answer(run_id, f"c{case}") in str(output)
    for run_id, cases in found.items():
        assert sorted(cases) == list(range(storm_commands.CASES)), run_id
