"""What waits to be written is bounded in bytes, and so is what one commit holds."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from themis.core.engine.writer import COMMIT_BYTES, MAX_WAITING_BYTES, OutcomeWriter
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore
from themis.core.stores.job_rows import Fence

PATIENCE_S = 20.0
MEGABYTE = 1024 * 1024
TOP = Path(__file__).parents[3]


def outcome(no: int, size: int, *, where: str = "body") -> Outcome:
    texts = {"output": None, "body": "{}", "retries": None, where: "x" * size}
    return Outcome(no, Stage.GENERATE, 0, ok=True, finished_ms=0, value=None, **texts)  # type: ignore[arg-type]


def end(no: int) -> CaseEnd:
    return CaseEnd(no, 0, f"q{no}", b"0" * 16, failed=False, through=Stage.JUDGE)


class HeldStore(InMemoryRunStore):
    """A store whose commits wait until it is open; it notes what each held."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.begun = threading.Event()
        self.commits: list[tuple[list[int], list[int]]] = []
        self.largest = 0

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        self.begun.set()
        assert self.open.wait(PATIENCE_S)
        self.commits.append(([one.case_no for one in outcomes], [one.case_no for one in ends]))
        self.largest = max(self.largest, sum(len(one.body) for one in outcomes))


async def fill(writer: OutcomeWriter, first: int, *, where: str = "body", most: int = 1_000) -> int:
    """Add cases of a megabyte each, until the writer is full; returns the number of the next one."""
    for no in range(first, first + most):
        if writer.is_full:
            return no
        writer.add_all([outcome(no, MEGABYTE, where=where)])
        writer.end_case(end(no))
    return first + most


@pytest.mark.parametrize("where", ["output", "body"])
def test_the_engine_waits_when_large_answers_wait_for_the_disk(where: str) -> None:
    store = HeldStore()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            before = await fill(writer, 0, where=where, most=5)
            await asyncio.to_thread(store.begun.wait, PATIENCE_S)
            after = await fill(writer, before, where=where)
            assert after == MAX_WAITING_BYTES // MEGABYTE, "what is being committed counts too"
            waiting = asyncio.create_task(writer.room())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            store.open.set()
            await waiting
            assert await fill(writer, after, where=where, most=5) == after + 5

    asyncio.run(asyncio.wait_for(program(), PATIENCE_S))
    written = [no for outcomes, _ in store.commits for no in outcomes]
    assert written == list(range(MAX_WAITING_BYTES // MEGABYTE + 5))


def test_a_commit_holds_so_much_and_no_case_ends_before_its_outcomes_are_there() -> None:
    store = HeldStore()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            await fill(writer, 0, most=1)
            await asyncio.to_thread(store.begun.wait, PATIENCE_S)
            await fill(writer, 1, most=40)
            store.open.set()

    asyncio.run(asyncio.wait_for(program(), PATIENCE_S))
    assert store.largest < COMMIT_BYTES + MEGABYTE
    there: set[int] = set()
    for outcomes, ends in store.commits:
        there.update(outcomes)
        assert there.issuperset(ends)
    assert [no for _, ends in store.commits for no in ends] == list(range(41))


def test_large_answers_are_committed_before_the_interval_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.engine.writer.COMMIT_INTERVAL_S", PATIENCE_S * 2)
    store = HeldStore()
    store.open.set()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            await fill(writer, 0, most=COMMIT_BYTES // MEGABYTE)
            assert await asyncio.to_thread(store.begun.wait, PATIENCE_S)

    asyncio.run(asyncio.wait_for(program(), PATIENCE_S))


def test_one_outcome_that_is_larger_than_all_bounds_is_written() -> None:
    store = HeldStore()
    store.open.set()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            writer.add(outcome(0, MAX_WAITING_BYTES + 1))
            writer.end_case(end(0))
            assert writer.is_full
            await writer.room()
            writer.add(outcome(1, 1_000, where="retries"))

    asyncio.run(asyncio.wait_for(program(), PATIENCE_S))
    assert [no for outcomes, _ in store.commits for no in outcomes] == [0, 1]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_large_answers_on_a_slow_store(short: bool) -> None:
    """Each answer is a megabyte, and so is what the parser makes of it; unbounded, 1,000 of them took 1,160 MB."""
    count = 300 if short else 1_000
    command = [sys.executable, "-m", "tests.support.large_answers", str(count)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    assert found["status"] == "completed"
    assert found["written_mb"] >= 2 * count
    assert found["peak_mb"] - found["before_mb"] < 200
