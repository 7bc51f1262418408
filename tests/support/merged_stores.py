"""Stores to be merged: one that has a row of everything, its parts, and what a store has, row by row."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from tests.support.lab import dataset, experiment
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, sqlite_store
from themis.core.stores.batch_rows import BatchRow
from themis.core.stores.job_rows import AttemptRow, Change, JobRow
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.merging.report import MergeReport, Prefer
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import merge_stores

AT_MS = 1_700_000_000_000
CASES = 12
SPEND = '{"v":1,"calls":[[20000,"p","m","m","","0","answered",%d,10,0,0,0,5,0]],"ceiling":null,"ended":true}'
FAILURE = '{"stage":"generation","category":"generation_failure","message":"no","error_type":"LookupError"}'
LONG = "long text " * 40

ROWS: dict[str, str] = {
    "runs": (
        "SELECT run_id, status, completed_through, total_cases, snapshot, error, created_ms, started_ms, ended_ms, "
        "name, labels FROM runs"
    ),
    "cases": "SELECT r.run_id, t.* FROM cases t JOIN runs r USING (run_no)",
    "outcomes": "SELECT r.run_id, t.* FROM outcomes t JOIN runs r USING (run_no)",
    "blobs": "SELECT digest, data FROM blobs",
    "reuse_keys": "SELECT r.run_id, t.* FROM reuse_keys t JOIN runs r USING (run_no)",
    "spends": "SELECT r.run_id, t.* FROM spends t JOIN runs r USING (run_no)",
    "batches": "SELECT r.run_id, t.* FROM batches t JOIN runs r USING (run_no)",
    "aggregates": "SELECT r.run_id, t.* FROM aggregates t JOIN runs r USING (run_no)",
    "judge_calls": "SELECT r.run_id, t.* FROM judge_calls t JOIN runs r USING (run_no)",
    "calibrations": "SELECT key, calibration FROM calibrations",
    "score_edits": "SELECT r.run_id, t.* FROM score_edits t JOIN runs r USING (run_no)",
    "run_groups": "SELECT r.run_id, t.* FROM run_groups t JOIN runs r USING (run_no)",
    "jobs": "SELECT * FROM jobs",
    "job_manifests": "SELECT j.key, m.* FROM job_manifests m JOIN jobs j USING (job_no)",
    "job_attempts": "SELECT j.key, a.* FROM job_attempts a JOIN jobs j USING (job_no)",
}
"""What is merged, by table. Numbers of runs and jobs are those of a file, and stand for nothing elsewhere."""

LEFT_TO_THEIR_STORE = {"store_meta", "replays", "job_dependents"}
"""Tables whose rows are not merged: facts about the store, replays that did not end, and links of jobs in queues."""

_OF_A_FILE = {"run_no", "job_no", "queue_id"}


def snapshot(count: int = CASES, dataset_id: str = "lab") -> RunSnapshot:
    """A run of that many cases."""
    return experiment(datasets=[dataset(count, dataset_id)]).compile()


def generated(case_no: int, said: str = "", *, ok: bool = True, at: int = 0) -> Outcome:
    """What a model answered about a case, or that it failed."""
    text = f'"{said or f"answer {case_no}"}"' if ok else None
    body = f'{{"candidate_id":"q{case_no}"}}' if ok else FAILURE
    return Outcome(case_no, Stage.GENERATE, 0, ok, AT_MS + at, None, text, body)


def scored(case_no: int, value: float = 1.0) -> Outcome:
    """The score of a case."""
    return Outcome(case_no, Stage.SCORE, 0, True, AT_MS, value, None, "{}")


def ended(case_no: int, *, failed: bool = False, through: Stage = Stage.SCORE) -> CaseEnd:
    """The end of a case."""
    return CaseEnd(case_no, 0, f"q{case_no}", case_no.to_bytes(16, "big"), failed, through)


def add_cases(store: RunStore, run: RunSnapshot, numbers: Iterable[int], said: str = "") -> None:
    """Add a run, unless it is there, and the results of some of its cases."""
    store.create_run(run)
    some = list(numbers)
    outcomes = [outcome for no in some for outcome in (generated(no, said and f"{said} {no}"), scored(no))]
    store.append(run.run_id, outcomes, [ended(no) for no in some])


def store_of(path: Path, run: RunSnapshot, numbers: Iterable[int], said: str = "") -> Path:
    """Make a store with the results of some cases of a run."""
    with closing(sqlite_store(path)) as store:
        add_cases(store, run, numbers, said)
    return path


def filled(path: Path) -> Path:
    """Make a store with rows of every kind."""
    with closing(sqlite_store(path)) as store:
        fill(store)
    return path


def fill(store: RunStore) -> None:
    """Give a store rows of every kind: of a run whose cases failed in several ways, and of another one."""
    run = snapshot()
    store.create_run(run)
    store.name_run(run.run_id, "first", {"team": "x"})
    store.start_run(run.run_id)
    outcomes = [
        outcome
        for no in range(CASES)
        for outcome in (
            generated(no, LONG + str(no) if no % 3 else ""),
            Outcome(no, Stage.PARSE, 0, no % 5 > 0, AT_MS + no, None, f'"{no}"' if no % 5 else None, "{}", "[]"),
            *([scored(no, no / 4)._replace(category="no_answer" if no % 2 else None)] if no % 5 else []),
        )
    ]
    ends = [ended(no, failed=not no % 5, through=Stage.SCORE if no % 5 else Stage.PARSE) for no in range(CASES)]
    store.append(run.run_id, outcomes, ends)
    calls = [JudgeCallRow(no, 0, f"call {no}", "k" * 64, AT_MS, f'"{LONG}{no}"') for no in range(CASES)]
    store.save_judge_calls(run.run_id, calls)
    for execution in (1, 2):
        store.put_spend(run.run_id, execution, SPEND % execution)
    store.save_batch(run.run_id, BatchRow(0, "nonce", "read", 0, 5, 6, AT_MS, AT_MS, batch_id="b"))
    edits = [ScoreEdit(no, 0, "lab", f"q{no}", 1.0, None, 0.0, "ab" * 32, "Zoë", f"why {no}") for no in range(4)]
    store.add_score_edits(run.run_id, edits)
    store.add_score_edits(run.run_id, [edits[1]._replace(value=None, withdraws=2)])
    store.save_calibration("c" * 64, '{"kappa":0.5}')
    store.end_run(run.run_id, RunStatus.PARTIAL_FAILURE, through=Stage.SCORE)
    add_cases(store, snapshot(3, "other"), [1])
    store.add_to_group("both", [(snapshot(3, "other").run_id, "seed=2"), (run.run_id, "seed=1")])
    store.add_to_group("alone", [(run.run_id, "")])
    add_job(store, "0123456789abcdef", run.run_id)


def add_job(store: RunStore, key: str, run_id: str, *, state: str = "done", version: int = 2) -> None:
    """Add a job that has come to a state by one attempt."""
    job = JobRow(key, run_id, "queue", "/queue", 1, "queued", 0, 5, 100, None, 3, 3, 1.5, None)
    store.jobs.add(job, "{}")
    attempt = AttemptRow(1, "t", "worker", "host", 11, 3, 4, "done", "", 0)
    now = job._replace(version=version, state=state, attempt=1, ended_ns=4, updated_ns=5)
    store.jobs.change(job.fence, lambda _: Change(now, attempt))


def parts_of(path: Path, folder: Path, count: int, chance: Random) -> list[Path]:
    """Make stores that together have what a store has; each outcome, end, call, job and text is in one of them."""
    owner: dict[tuple[Any, ...], int] = {}
    made = []
    for part in range(count):
        made.append(folder / f"part{part}.sqlite3")
        with closing(sqlite3.connect(path)) as whole, closing(sqlite3.connect(made[-1])) as copy:
            whole.backup(copy)
            for table, key in (("outcomes", 4), ("cases", 2), ("judge_calls", 4)):
                for row in copy.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608  # a name above
                    if owner.setdefault((table, *row[:key]), chance.randrange(count)) != part:
                        _delete(copy, table, row[:key])
            copy.execute("DELETE FROM aggregates")
            copy.execute(
                "DELETE FROM blobs WHERE digest NOT IN (SELECT substr(output, 2) FROM outcomes WHERE output LIKE '@%' "
                "UNION ALL SELECT substr(response, 2) FROM judge_calls UNION ALL SELECT snapshot FROM runs) "
                "AND CAST(data AS TEXT) NOT LIKE '[{%'"
            )
            copy.commit()
    return made


def _delete(connection: sqlite3.Connection, table: str, key: Sequence[Any]) -> None:
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")][: len(key)]
    conditions = " AND ".join(f"{name} = ?" for name in names)
    connection.execute(f"DELETE FROM {table} WHERE {conditions}", key)  # noqa: S608  # names of columns


def rows_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a store has of what is merged, in an order that follows from the rows alone."""
    with closing(sqlite3.connect(path)) as connection:
        return {table: _rows(connection, statement) for table, statement in ROWS.items()}


def _rows(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement)
    kept = [place for place, column in enumerate(cursor.description) if column[0] not in _OF_A_FILE]
    return sorted((tuple(row[place] for place in kept) for row in cursor), key=repr)


def differences(path: Path, other: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that only one of two stores has, by table."""
    here, there = rows_of(path), rows_of(other)
    found = {
        table: [row for row in (*here[table], *there[table]) if (row in here[table]) != (row in there[table])]
        for table in ROWS
    }
    return {table: rows for table, rows in found.items() if rows or len(here[table]) != len(there[table])}


def merge(files: Sequence[Path], into: Path, prefer: Prefer | None = None) -> MergeReport:
    """Merge stores into a file."""
    return merge_stores(files, StoreLocation("sqlite", str(into)), prefer, lambda _: None)
