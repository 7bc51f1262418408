"""A primary that dies and a synchronous standby that takes over; answers to COMMIT that are lost.

The promise: nothing that was acknowledged is lost, and no case whose end was acknowledged is generated again.
"""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.cutting_proxy import CuttingProxy
from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from tests.support.waiting import until
from themis.core.config import RuntimeConfig, StorageConfig
from themis.core.engine import writer
from themis.core.errors import UnavailableError
from themis.core.models import Case, GenerationResult
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunResult, RunStatus
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.submission import run_worker_once, submit_experiment

CASES = 150
RETRIED_S = 6.0
MOST_ERRORS = 50

pytestmark = pytest.mark.slow


@pytest.fixture
def chance(capsys: pytest.CaptureFixture[str]) -> random.Random:
    """What decides where a test strikes; its seed is printed."""
    seed = random.randrange(10**6)
    with capsys.disabled():
        print(f"\n  seed {seed}", end="")  # noqa: T201  # to try the same again
    return random.Random(seed)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of the server may enter."""
    with postgres_server.servers_folder() as folder:
        yield folder


@pytest.fixture
def pair(folder: Path) -> Iterator[tuple[postgres_server.Server, postgres_server.Server]]:
    """A primary, each of whose commits waits for its standby; and the standby."""
    primary = postgres_server.Server(folder / "one", synchronous_standby_names="second").start()
    standby = primary.standby(folder / "two", "second")
    yield primary, standby
    primary.kill()
    standby.kill()


@pytest.mark.parametrize(("names", "said"), [("", "synchronous_standby_names is empty"), ("second", None)])
def test_a_store_says_whether_its_standby_may_lack_what_was_acknowledged(
    folder: Path, names: str, said: str | None
) -> None:
    primary = postgres_server.Server(folder / "one", synchronous_standby_names=names).start()
    standby = primary.standby(folder / "two", "second")
    try:
        with closing(PostgresRunStore(primary.url())) as store:
            store.initialize()
            until(lambda: store._database.query("SELECT 1 FROM pg_stat_replication"), "the standby to follow")
            found = store.jobs.queues.what_may_be_lost()
        assert found is None if said is None else said in (found or "")
    finally:
        primary.kill()
        standby.kill()


class Witness(PostgresRunStore):
    """A store that remembers what it has said to be stored."""

    def __init__(self, url: str, **more: Any) -> None:
        super().__init__(url, **more)
        self.ended: set[str] = set()

    def append(self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], **more: Any) -> None:
        super().append(run_id, outcomes, ends, **more)
        self.ended |= {end.case_id for end in ends}


class Asked:
    """A run of many cases in a store, which notes for which of them a model was asked, and when it should not be."""

    def __init__(self, url: str) -> None:
        self.store = Witness(url, busy_timeout_s=RETRIED_S)
        self.calls: Counter[str] = Counter()
        self.again: set[str] = set()
        self._experiment = experiment(
            ScriptedGenerator(self._answer), metrics=[ScriptedMetric()], datasets=[dataset(CASES)],
            runtime=RuntimeConfig(max_concurrent_tasks=4, generation_retry_delay=0.0),
        )  # fmt: skip

    def _answer(self, case: Case, _: object) -> Any:
        self.calls[case.case_id] += 1
        if case.case_id in self.store.ended:
            self.again.add(case.case_id)
        time.sleep(0.01)
        return case.input

    def run(self) -> RunResult:
        return self._experiment.run(store=self.store)

    def run_to_the_end(self) -> list[UnavailableError]:
        """Run, and continue after each error, until all cases have ended; the errors, which are of one line."""
        errors: list[UnavailableError] = []
        while len(errors) < MOST_ERRORS:
            try:
                result = self.run()
            except UnavailableError as error:
                errors.append(error)
            else:
                assert result.status is RunStatus.COMPLETED
                break
        assert not any("\n" in str(error) for error in errors)
        assert len(errors) < MOST_ERRORS, errors[-1]
        return errors

    def assert_promise(self, url: str) -> None:
        """Each case is stored once, and none was asked for after its end had been acknowledged."""
        assert self.again == set()
        with closing(PostgresRunStore(url)) as store:
            (run,) = store.list_runs()
            ends = store.ends_between(run.run_id, 0, CASES)
            assert [end.case_id for end in ends] == [f"q{no}" for no in range(CASES)]
            assert not any(end.failed for end in ends)
            outcomes = store.outcomes_between(run.run_id, 0, CASES)
            stages = (Stage.GENERATE, Stage.SCORE)
            expected = [(no, stage) for no in range(CASES) for stage in stages]
            assert [(outcome.case_no, outcome.stage) for outcome in outcomes] == expected
            assert run.status is RunStatus.COMPLETED


def _both(pair: Sequence[postgres_server.Server]) -> str:
    places = ",".join(f"127.0.0.1:{server.port}" for server in pair)
    return f"postgresql://{postgres_server.USER}@{places}/postgres?target_session_attrs=read-write"


def _kill_once_some_are_stored(
    asked: Asked, pair: tuple[postgres_server.Server, postgres_server.Server], away_s: float, chance: random.Random
) -> threading.Thread:
    """Kill the primary in the middle of the run, and promote its standby so many seconds later."""
    primary, standby = pair
    enough = chance.randrange(5, CASES // 2)

    def strike() -> None:
        until(lambda: len(asked.store.ended) >= enough, "some cases to be stored", 60.0)
        time.sleep(chance.uniform(0.0, 0.3))
        primary.kill()
        time.sleep(away_s)
        standby.promote()

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


def test_a_run_goes_on_by_itself_when_a_standby_takes_over_in_time(
    pair: tuple[postgres_server.Server, postgres_server.Server], chance: random.Random
) -> None:
    asked = Asked(_both(pair))
    with closing(asked.store):
        striker = _kill_once_some_are_stored(asked, pair, 1.0, chance)
        errors = asked.run_to_the_end()
        striker.join()
        assert errors == []
        assert set(asked.calls.values()) == {1}, "an answer was thrown away"
        asked.assert_promise(pair[1].url())


def test_a_run_whose_standby_takes_over_late_ends_with_one_line_and_is_continued(
    pair: tuple[postgres_server.Server, postgres_server.Server], chance: random.Random
) -> None:
    asked = Asked(_both(pair))
    with closing(asked.store):
        striker = _kill_once_some_are_stored(asked, pair, RETRIED_S * 2, chance)
        with pytest.raises(UnavailableError, match="the database server cannot be reached") as stopped:
            asked.run()
        assert "\n" not in str(stopped.value)
        acknowledged = set(asked.store.ended)
        striker.join()
        with closing(PostgresRunStore(pair[1].url())) as store:
            (run,) = store.list_runs()
            assert acknowledged <= {end.case_id for end in store.ends_between(run.run_id, 0, CASES)}
        assert asked.run_to_the_end() == []
        asked.assert_promise(pair[1].url())


class SlowGenerator:
    """Answers with the input, after a moment; notes whom it was asked for."""

    component_id = "test/slow"
    version = "1"
    calls: Counter[str] = Counter()

    def fingerprint(self) -> str:
        return "slow"

    async def generate(self, case: Case, ctx: object) -> GenerationResult:
        self.calls[case.case_id] += 1
        await asyncio.sleep(0.02)
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


def test_a_job_is_carried_out_and_settled_once_though_a_standby_takes_over(
    pair: tuple[postgres_server.Server, postgres_server.Server],
    chance: random.Random,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THEMIS_DATABASE_URL", _both(pair))
    monkeypatch.setattr(SlowGenerator, "calls", Counter())
    made = experiment(
        f"{__name__}:SlowGenerator", datasets=[dataset(CASES)],
        runtime=RuntimeConfig(queue_root=str(tmp_path / "queue"), max_concurrent_tasks=4),
    )  # fmt: skip
    storage = StorageConfig(store="postgres", parameters={"url": "env:THEMIS_DATABASE_URL"})
    submit_experiment(made.model_copy(update={"storage": storage}))
    primary, standby = pair
    # Before the first answer is stored, while answers are stored, or about when the attempt is settled.
    enough = chance.choice([1, CASES // 2, CASES])

    def strike() -> None:
        until(lambda: len(SlowGenerator.calls) >= enough, "some cases to be begun", 60.0)
        time.sleep(chance.uniform(0.0, 0.2))
        primary.kill()
        time.sleep(1.0)
        standby.promote()

    striker = threading.Thread(target=strike)
    striker.start()
    result = run_worker_once(tmp_path / "queue")
    striker.join()
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    assert set(SlowGenerator.calls.values()) == {1}
    with closing(PostgresRunStore(standby.url())) as store:
        (row,) = store.jobs.jobs_of(_queue_id(tmp_path / "queue"))
        assert (row.state, row.attempt, row.failures, row.lost) == ("done", 1, 0, 0)
        assert [attempt.cause for attempt in store.jobs.attempts(row.key)] == ["done"]
        assert store.count_ends(row.run_id) == (CASES, 0)
    assert len(list((tmp_path / "queue" / "done").iterdir())) == 1


def _queue_id(queue: Path) -> str:
    return str(json.loads((queue / "queue.json").read_text())["queue_id"])


def test_each_case_is_stored_once_though_answers_to_commit_are_lost(
    folder: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writer, "COMMIT_INTERVAL_S", 0.01)
    server = postgres_server.Server(folder / "server").start()
    try:
        with CuttingProxy(server.port, chance) as proxy:
            asked = Asked(server.url().replace(str(server.port), str(proxy.port)))
            with closing(asked.store):
                proxy.share = 0.5
                errors = asked.run_to_the_end()
                assert min(proxy.cuts.values()) > 0
                with capsys.disabled():
                    told = f", {sum(proxy.cuts.values())} answers lost, {len(errors)} runs ended"
                    print(told, end="")  # noqa: T201  # how much was tried is the evidence
                asked.assert_promise(server.url())
    finally:
        server.stop("immediate")
