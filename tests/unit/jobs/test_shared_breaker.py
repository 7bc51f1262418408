"""The breaker of a run in several jobs: its shards count together, and stop together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.lab import dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext
from themis.core.engine.breaking.rows import FailureRows, Reason
from themis.core.engine.extents import other_shards
from themis.core.engine.extents.other_shards import OtherShards, stopped_together
from themis.core.errors import StoreError, ThemisError
from themis.core.models import Case, GenerationResult
from themis.core.results import RunStatus
from themis.core.stores import RunStore, sqlite_store
from themis.core.submission import open_queue, run_worker_once, run_worker_once_async, submit_experiment
from themis.core.values.breaker import BreakerConfig

CALLS: list[int] = []
FAILING: set[int] = set()
HANGING: set[int] = set()
STATUS: list[int] = []
CASES = 16


class RefusedError(Exception):
    """Failure of a provider, with the status of its reply."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code


class Generator:
    """Answers, fails or hangs, by the number of the case."""

    component_id = "test/shared_breaker"
    version = "1"

    def fingerprint(self) -> str:
        """Never changes."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """What the lists say."""
        number = int(str(case.case_id).removeprefix("q"))
        CALLS.append(number)
        if number in HANGING:
            await asyncio.sleep(60)
        if number in FAILING:
            raise RefusedError(STATUS[0]) if STATUS else ValueError("no answer")
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (CALLS, FAILING, HANGING, STATUS):
        one.clear()
    monkeypatch.setattr(other_shards, "LOOK_S", 0.02)


def submitted(folder: Path, failures: int) -> str:
    """Submit a run of 16 cases in four shards."""
    runtime = RuntimeConfig(
        queue_root=str(folder / "queue"),
        generation_retry_attempts=1,
        max_concurrent_tasks=1,
        breaker=BreakerConfig(failures=failures),
    )
    made = experiment(
        f"{__name__}:Generator",
        metrics=[],
        datasets=[dataset(CASES)],
        runtime=runtime,
        path=folder / "themis.sqlite3",
    )
    return submit_experiment(made, shards=4).run_id


@contextmanager
def opened(folder: Path) -> Iterator[RunStore]:
    store = sqlite_store(folder / "themis.sqlite3")
    try:
        yield store
    finally:
        store.close()


def run_all(folder: Path) -> None:
    while run_worker_once(folder / "queue") is not None:
        pass


def states(folder: Path, run_id: str) -> list[tuple[str, str | None]]:
    with opened(folder) as store:
        rows = [store.jobs.load(shard.key) for shard in store.shards(run_id)]
    return [(row.state, row.cause) for row in rows if row is not None]


def test_failures_in_a_row_over_all_shards_stop_the_run_for_one_reason(tmp_path: Path) -> None:
    FAILING.update(range(CASES))
    run_id = submitted(tmp_path, 6)  # no shard has so many cases
    run_all(tmp_path)
    assert set(CALLS) == set(range(8)), "the third shard and the fourth ask nothing"
    failed = ("failed", "repeated failure")
    assert states(tmp_path, run_id) == [("done", "done"), ("done", "done"), failed, failed]
    with opened(tmp_path) as store:
        record = store.load_run(run_id)
        messages = {row.message for shard in store.shards(run_id)[2:] if (row := store.jobs.load(shard.key))}
    assert record is not None
    assert record.status is RunStatus.FAILED
    (reason,) = messages
    assert reason is not None
    assert reason.startswith("RepeatedFailureError: the run stopped, as generation failed 8 times in a row")
    assert record.error == f"shard 3 of 4: {reason}, and 1 more shards failed"


@pytest.mark.parametrize("well", [{5, 10}, {4, 5, 6, 7}])
def test_a_success_of_any_shard_ends_the_row_of_all(tmp_path: Path, well: set[int]) -> None:
    FAILING.update(set(range(CASES)) - well)
    run_id = submitted(tmp_path, 6)
    run_all(tmp_path)
    assert len(CALLS) == CASES
    assert {state for state, _ in states(tmp_path, run_id)} == {"done"}


def test_a_shard_that_stops_by_its_own_failures_stops_those_that_run(tmp_path: Path) -> None:
    FAILING.update(range(4))
    HANGING.update(range(4, 8))
    run_id = submitted(tmp_path, 3)

    async def both() -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(*(run_worker_once_async(tmp_path / "queue") for _ in range(2)))

    asyncio.run(both())
    assert CALLS.count(4) == 1
    failed = ("failed", "repeated failure")
    assert states(tmp_path, run_id)[:2] == [failed, failed]
    run_all(tmp_path)
    assert states(tmp_path, run_id) == [failed] * 4
    assert set(CALLS) == {0, 1, 2, 4}


def test_a_retry_by_a_person_lets_the_run_ask_again(tmp_path: Path) -> None:
    FAILING.update(range(CASES))
    run_id = submitted(tmp_path, 3)
    run_all(tmp_path)
    assert len(CALLS) == 3
    FAILING.clear()
    queue = open_queue(tmp_path / "queue")
    with opened(tmp_path) as store:
        keys = [shard.key for shard in store.shards(run_id)]
        assert store.failure_rows(run_id) is not None
    for key in keys:
        queue.admin.retry(key)
    with opened(tmp_path) as store:
        assert store.failure_rows(run_id) is None
    run_all(tmp_path)
    assert {state for state, _ in states(tmp_path, run_id)} == {"done"}


def test_shards_wait_with_the_one_whose_provider_is_away_and_ask_nothing_meanwhile(tmp_path: Path) -> None:
    FAILING.update(range(CASES))
    STATUS.append(402)
    run_id = submitted(tmp_path, 2)
    run_all(tmp_path)
    assert len(CALLS) == 2
    with opened(tmp_path) as store:
        attempts = [store.jobs.attempts(shard.key) for shard in store.shards(run_id)]
    assert [[attempt.cause for attempt in of_job] for of_job in attempts] == [["provider"]] * 4
    assert len({of_job[0].message for of_job in attempts}) == 1


def test_a_run_without_failures_writes_nothing(tmp_path: Path) -> None:
    run_id = submitted(tmp_path, 3)
    run_all(tmp_path)
    with opened(tmp_path) as store:
        assert store.failure_rows(run_id) is None
    assert {state for state, _ in states(tmp_path, run_id)} == {"done"}


class Others(OtherShards):
    """Other shards that stop the run, or a store that cannot be used."""

    def __init__(self, error: ThemisError, *, raises: bool = False, is_stopping: bool = False) -> None:
        self.error = error
        self.raises = raises
        self.looks = 0
        self._failures = FailureRows(is_shared=True, stopped=Reason.of_run("no", None) if is_stopping else None)

    def begin(self) -> None:
        """The run is not stopped yet."""

    async def exchange(self) -> ThemisError | None:
        """The error of all looks."""
        self.looks += 1
        if self.raises:
            raise self.error
        return self.error


def test_a_cancellation_from_outside_stays_one() -> None:
    others = Others(StoreError(path="x", detail="y"), raises=True)

    async def body() -> None:
        async with stopped_together(others):
            await asyncio.sleep(60)

    async def cancelled() -> None:
        task = asyncio.create_task(body())
        while others.looks < 3:  # noqa: ASYNC110  # a store that is away is asked again
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_the_block_ends_with_the_reason_of_the_others() -> None:
    error = StoreError(path="x", detail="y")

    async def body() -> None:
        with pytest.raises(StoreError) as raised:
            async with stopped_together(Others(error)):
                await asyncio.sleep(60)
        assert raised.value is error
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    asyncio.run(body())


@pytest.mark.parametrize(("is_stopping", "tries"), [(True, other_shards.LAST_TRIES), (False, 1)])
def test_why_a_shard_stops_is_told_again_where_the_store_was_away(*, is_stopping: bool, tries: int) -> None:
    others = Others(StoreError(path="x", detail="y"), raises=True, is_stopping=is_stopping)

    async def body() -> None:
        async with stopped_together(others):
            pass

    asyncio.run(body())
    assert others.looks == tries
