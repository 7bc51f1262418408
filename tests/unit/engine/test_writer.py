"""Outcomes reach the store in group commits, and a store in trouble stops the run."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine import writer as writer_module
from themis.core.engine.writer import COMMIT_ROWS, MAX_WAITING_ROWS, OutcomeWriter
from themis.core.errors import ClaimLostError, StoreFullError
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore
from themis.core.stores.job_rows import Fence

PATIENCE_S = 20.0


def outcome(no: int) -> Outcome:
    return Outcome(no, Stage.GENERATE, 0, ok=True, finished_ms=0, value=None, output='"x"', body="{}")


def end(no: int) -> CaseEnd:
    return CaseEnd(no, 0, f"q{no}", b"0" * 16, failed=False, through=Stage.JUDGE)


class Commits(InMemoryRunStore):
    """A store that notes each commit; it can be held, and made to fail."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.commits: list[tuple[int, int]] = []
        self.threads: set[str] = set()
        self.fences: set[Fence | None] = set()
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Event()
        self.error = error

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        self.begun.set()
        assert self.open.wait(PATIENCE_S)
        self.threads.add(threading.current_thread().name)
        self.fences.add(fence)
        if self.error is not None:
            raise self.error
        self.commits.append((len(outcomes), len(ends)))


def put(writer: OutcomeWriter, first: int, stop: int) -> None:
    for no in range(first, stop):
        writer.add(outcome(no))
        writer.end_case(end(no))


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110  # what happens, happens in another thread
        await asyncio.sleep(0.001)


def run(program: Any) -> Any:
    return asyncio.run(asyncio.wait_for(program, PATIENCE_S))


def test_many_outcomes_share_a_commit_and_none_is_lost() -> None:
    store = Commits()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            for first in range(0, 3_000, 10):
                put(writer, first, first + 10)
                await asyncio.sleep(0)

    run(program())
    assert sum(outcomes for outcomes, _ in store.commits) == 3_000
    assert sum(ends for _, ends in store.commits) == 3_000
    assert len(store.commits) <= 3_000 * 2 / COMMIT_ROWS + 2


def test_what_is_there_is_committed_when_the_interval_is_over() -> None:
    store = Commits()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            writer.add(outcome(0))
            await until(lambda: bool(store.commits))
            assert store.commits == [(1, 0)]

    run(program())


@pytest.mark.parametrize(("commit_s", "interval_s"), [(0, 0.2), (0.02, 0.2), (0.05, 0.5), (0.2, 2), (30, 2)])
def test_commits_come_less_often_only_where_they_take_long(commit_s: float, interval_s: float) -> None:
    assert writer_module.commit_interval(commit_s) == pytest.approx(interval_s)


def test_what_waits_for_a_slow_store_shares_fewer_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "COMMIT_INTERVAL_S", 0.01)
    now_s = iter(range(1_000))

    def commits_in_a_while() -> int:
        store = Commits()

        async def program() -> None:
            async with OutcomeWriter(store, "r", None) as writer:
                for no in range(30):
                    writer.add(outcome(no))
                    await asyncio.sleep(0.01)

        run(program())
        return len(store.commits)

    quick = commits_in_a_while()
    monkeypatch.setattr(writer_module, "time", SimpleNamespace(monotonic=lambda: float(next(now_s))))
    monkeypatch.setattr(writer_module, "MAX_COMMIT_INTERVAL_S", 0.1)
    assert commits_in_a_while() < quick / 2


def test_nothing_is_committed_when_there_is_nothing() -> None:
    store = Commits()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None):
            await asyncio.sleep(writer_module.COMMIT_INTERVAL_S * 1.5)

    run(program())
    assert store.commits == []


def test_a_run_that_ends_before_its_first_commit_starts_no_thread_for_it() -> None:
    store = Commits()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, 3)

    run(program())
    assert store.commits == [(3, 3)]
    assert store.threads == {"MainThread"}


def test_a_longer_run_makes_its_last_commit_in_the_thread_of_the_others() -> None:
    store = Commits()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, COMMIT_ROWS)
            await until(lambda: bool(store.commits))
            put(writer, COMMIT_ROWS, COMMIT_ROWS + 1)

    run(program())
    assert store.commits == [(COMMIT_ROWS, COMMIT_ROWS), (1, 1)]
    assert len(store.threads) == 1
    assert "MainThread" not in store.threads


def test_the_event_loop_never_waits_for_the_disk_while_cases_run() -> None:
    store = Commits()
    store.open.clear()
    turns = 0

    async def program() -> None:
        nonlocal turns
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, COMMIT_ROWS)
            await until(store.begun.is_set)
            for turns in range(100):  # noqa: B007  # counted
                await asyncio.sleep(0)
            store.open.set()

    run(program())
    assert turns == 99
    assert store.threads
    assert "MainThread" not in store.threads


def test_the_engine_waits_when_the_disk_does_not_keep_up_and_goes_on_when_it_does() -> None:
    store = Commits()
    store.open.clear()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, 1)
            await until(store.begun.is_set)
            put(writer, 1, 1 + MAX_WAITING_ROWS // 2)
            assert writer.is_full
            waiting = asyncio.create_task(writer.room())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            store.open.set()
            await waiting
            assert not writer.is_full

    run(program())
    assert sum(ends for _, ends in store.commits) == 1 + MAX_WAITING_ROWS // 2


def test_a_failed_commit_is_raised_to_whoever_wants_to_write_more() -> None:
    store = Commits(StoreFullError(path="there", detail="full"))

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, COMMIT_ROWS)
            await until(lambda: writer.is_full)
            await writer.room()

    with pytest.raises(StoreFullError):
        run(program())


def test_a_failed_last_commit_is_raised_at_the_end() -> None:
    async def program() -> None:
        async with OutcomeWriter(Commits(StoreFullError(path="there", detail="full")), "r", None) as writer:
            put(writer, 0, 1)

    with pytest.raises(StoreFullError):
        run(program())


def test_whoever_waits_for_room_hears_of_a_failed_commit() -> None:
    store = Commits(StoreFullError(path="there", detail="full"))
    store.open.clear()

    async def program() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, 1)
            await until(store.begun.is_set)
            put(writer, 1, 1 + MAX_WAITING_ROWS)
            waiting = asyncio.create_task(writer.room())
            await asyncio.sleep(0)
            store.open.set()
            done, _ = await asyncio.wait([waiting], timeout=5)
            heard.extend(type(task.exception()) for task in done)

    heard: list[Any] = []
    with pytest.raises(StoreFullError):
        run(program())
    assert heard == [StoreFullError]


def test_a_fence_goes_with_every_commit() -> None:
    store, fence = Commits(), Fence("job", 3, "t")

    async def program() -> None:
        async with OutcomeWriter(store, "r", fence) as writer:
            put(writer, 0, 2_500)

    run(program())
    assert store.fences == {fence}


def test_what_was_finished_before_a_cancellation_is_committed() -> None:
    store = Commits()

    async def work() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, 5)
            await asyncio.sleep(PATIENCE_S)

    async def program() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(program())
    assert sum(ends for _, ends in store.commits) == 5


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_while_the_last_outcomes_are_committed_loses_none_of_them(times: int) -> None:
    store = Commits()
    store.open.clear()

    async def work() -> None:
        async with OutcomeWriter(store, "r", None) as writer:
            put(writer, 0, 1)
            await until(store.begun.is_set)  # its commit is under way,
            put(writer, 1, 5)  # and these wait for the next one

    async def program() -> None:
        task = asyncio.create_task(work())
        await until(store.begun.is_set)
        await asyncio.sleep(0.01)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        store.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(program())
    assert sum(ends for _, ends in store.commits) == 5


class Failing(InMemoryRunStore):
    """A store whose disk is full after so many commits."""

    def __init__(self, commits: int, error: Exception) -> None:
        super().__init__()
        self.left = commits
        self.error = error

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        if not self.left:
            raise self.error
        self.left -= 1
        super().append(run_id, outcomes, ends, fence=fence)


@pytest.mark.few(1)
@pytest.mark.parametrize("error", [StoreFullError(path="there", detail="full"), ClaimLostError(key="k", version=1)])
@pytest.mark.not_smoke
def test_a_store_in_trouble_stops_the_run_which_then_goes_on_where_it_was(error: Exception) -> None:
    store = Failing(1, error)
    generator = ScriptedGenerator()
    lab = experiment(generator, datasets=[dataset(1_500)], runtime=RuntimeConfig(max_concurrent_tasks=4))
    with pytest.raises(type(error)):
        lab.run(store=store)
    called = len(generator.calls)
    assert called < 1_500
    record = store.load_run(lab.compile().run_id)
    assert record is not None
    assert record.status == "running"
    kept = store.count_ends(record.run_id)[0]
    assert 0 < kept < called
    # A case that was generated, and waited for its metric, is not generated again either.
    generated = sum(outcome.stage is Stage.GENERATE for outcome in store.outcomes_between(record.run_id, 0, 1_500))
    store.left = -1
    result = lab.run(store=store)
    assert result.status == "completed"
    assert len(generator.calls) - called == 1_500 - generated


def test_a_writer_that_has_taken_nothing_has_room() -> None:
    async def program() -> None:
        async with OutcomeWriter(Commits(), "r", None) as writer:
            assert not writer.is_full
            await writer.room()

    run(program())
