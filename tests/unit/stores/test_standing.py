"""How a run stands, by its row, its job's row and its lock: one rule for all who show it."""

import time
from dataclasses import dataclass

import pytest

from themis.core.stores.job_rows import JobRow
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.standing import Standing, standing

NOW_MS = 1_000_000
FREE, HELD = RunHolder(held=False, pid=7, host="h"), RunHolder(held=True)


@dataclass(frozen=True)
class Run:
    status: str
    completed_through: str | None = None
    error: str | None = None
    started_ms: int | None = NOW_MS
    ended_ms: int | None = None


def job(state: str, *, message: str = "said", ended_ms: int | None = None, ready_in_s: int | None = None) -> JobRow:
    return JobRow(
        key="k",
        run_id="r",
        queue_id="q",
        queue_root="/q",
        version=1,
        state=state,
        attempt=1,
        priority=5,
        submitted_ns=1,
        ready_ns=None if ready_in_s is None else time.time_ns() + ready_in_s * 10**9,
        max_attempts=3,
        max_worker_lost=3,
        timeout_s=None,
        memory_limit_mb=None,
        message=message,
        ended_ns=None if ended_ms is None else ended_ms * 10**6,
    )


RUNNING = Run("running")
FAILED = Run("failed", error="E", ended_ms=NOW_MS + 5)
LATER_MS = NOW_MS + 10

CASES = [
    (Run("completed", "judge", ended_ms=LATER_MS), None, FREE, "completed"),
    (Run("completed", "score", ended_ms=LATER_MS), job("queued"), FREE, "completed"),
    (Run("completed", "generate", ended_ms=LATER_MS), job("queued"), FREE, "queued"),
    (RUNNING, None, HELD, "running"),
    (RUNNING, None, FREE, "failed"),
    (RUNNING, job("queued"), HELD, "running"),
    (RUNNING, job("queued"), FREE, "queued"),
    (RUNNING, job("queued", ready_in_s=86_400), FREE, "waiting"),
    (RUNNING, job("running"), FREE, "running"),
    (RUNNING, job("failed", ended_ms=LATER_MS), FREE, "failed"),
    (RUNNING, job("queued", ready_in_s=-60), FREE, "queued"),
    (RUNNING, job("cancelled"), FREE, "cancelled"),  # nobody knows when
    (Run("partial_failure", ended_ms=NOW_MS), job("cancelled", ended_ms=NOW_MS), FREE, "cancelled"),
    (Run("partial_failure", ended_ms=NOW_MS), job("cancelled", ended_ms=NOW_MS - 1), FREE, "partial_failure"),
    (RUNNING, job("cancelled", ended_ms=LATER_MS), FREE, "cancelled"),
    (RUNNING, job("cancelled", ended_ms=NOW_MS - 10), FREE, "failed"),
    (RUNNING, job("cancelled", ended_ms=NOW_MS - 10), HELD, "running"),
    (Run("pending", started_ms=None), None, FREE, "pending"),
    (Run("pending", started_ms=None), job("failed", ended_ms=LATER_MS), FREE, "failed"),
    (FAILED, job("queued", ready_in_s=86_400), FREE, "waiting"),
    (FAILED, job("cancelled", ended_ms=LATER_MS), FREE, "cancelled"),
    (FAILED, job("done", ended_ms=LATER_MS), FREE, "failed"),
    (Run("partial_failure", "judge", ended_ms=LATER_MS), job("failed", ended_ms=NOW_MS), FREE, "partial_failure"),
    (Run("cancelled", ended_ms=NOW_MS + 1), job("failed", ended_ms=LATER_MS), FREE, "failed"),
]


@pytest.mark.parametrize(("run", "of_queue", "holder", "state"), CASES)
def test_the_latest_fact_counts(run: Run, of_queue: JobRow | None, holder: RunHolder, state: str) -> None:
    assert standing(run, of_queue, lambda: holder).state == state


def test_a_run_whose_process_is_gone_says_who_and_what_to_do() -> None:
    found = standing(RUNNING, None, lambda: FREE)
    assert found.is_interrupted
    expected = "interrupted: process 7 on h ended before the run had; the same command continues it"
    assert found == Standing("failed", expected)
    unnamed = standing(RUNNING, None, lambda: RunHolder(held=False))
    assert unnamed.error == expected.replace("process 7 on h", "its process")


def test_a_failed_job_lends_its_run_the_reason() -> None:
    assert standing(RUNNING, job("failed", ended_ms=LATER_MS), lambda: FREE).error == "said"
    assert standing(FAILED, job("failed", ended_ms=LATER_MS), lambda: FREE).error == "E"


def test_a_state_of_the_queue_is_a_status_of_the_run() -> None:
    states = ("queued", "waiting", "running", "failed")
    assert [Standing(state).status for state in states] == ["pending", "pending", "running", "failed"]
    assert [Standing(state, "why").reason for state in ("failed", "waiting")] == ["why", None]


def test_the_lock_is_not_looked_at_where_it_decides_nothing() -> None:
    def look() -> RunHolder:
        raise AssertionError

    for run in (FAILED, Run("pending"), Run("completed", "judge")):
        standing(run, job("queued"), look)
