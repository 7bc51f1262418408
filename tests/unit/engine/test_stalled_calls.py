"""A call that takes much longer than others is named, whatever component it is of; one that waits is not."""

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, ScriptedReducer, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine import stalled_calls
from themis.core.engine.run_options import RunProgress
from themis.core.engine.stalled_calls import STALLED_S, TIMES_THE_USUAL, UNKNOWN_S, StallWatch
from themis.core.experiment import Experiment
from themis.core.outcomes.stages import Stage
from themis.core.values.stalled_call import StalledCall

PATIENCE_S = 20.0


class Calls:
    """Calls that begin and end when a test says so, by a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.running: list[Any] = []
        self._watch = StallWatch(lambda: self.running, lambda: self.now)

    def begin(self, case_id: str, stage: Stage = Stage.GENERATE) -> None:
        step = SimpleNamespace(stage=stage, key=(stage, 0), component=SimpleNamespace(component_id=f"lab/{stage.name}"))
        work = SimpleNamespace(case=SimpleNamespace(case_id=case_id), dataset=SimpleNamespace(dataset_id="d"))
        self.running.append((step, work))

    def end(self, case_id: str) -> None:
        self.running = [call for call in self.running if call[1].case.case_id != case_id]

    def after(self, seconds: float) -> StalledCall | None:
        self.now += seconds
        return self._watch.look()

    def one_of(self, seconds: float) -> None:
        """One call of so many seconds."""
        self.begin("another")
        self.after(0.0)
        self.end("another")
        self.after(seconds)


def test_a_first_call_is_given_time_since_nobody_knows_how_long_one_takes() -> None:
    calls = Calls()
    calls.begin("slow")
    assert calls.after(0.0) is None
    assert calls.after(UNKNOWN_S) is None
    found = calls.after(1.0)
    assert found == StalledCall("slow", "d", "generation", "lab/GENERATE", UNKNOWN_S + 1.0)
    assert found.text == "generation of case slow of dataset d by lab/GENERATE for 2 min 1 s"
    calls.end("slow")
    assert calls.after(1.0) is None


def test_where_calls_are_quick_one_of_half_a_minute_has_stalled() -> None:
    calls = Calls()
    for _ in range(5):
        calls.one_of(0.5)
    calls.begin("slow")
    assert calls.after(0.0) is None
    assert calls.after(STALLED_S) is None
    found = calls.after(0.1)
    assert found is not None
    assert (found.case_id, found.for_s) == ("slow", STALLED_S + 0.1)


def test_where_calls_are_slow_one_must_be_ten_times_as_slow() -> None:
    calls = Calls()
    for seconds in (10.0, 20.0, 500.0):
        calls.one_of(seconds)
    calls.begin("slow")
    assert calls.after(0.0) is None
    assert calls.after(20.0 * TIMES_THE_USUAL) is None
    assert calls.after(0.1) is not None


def test_each_kind_of_call_has_its_own_usual() -> None:
    calls = Calls()
    for _ in range(3):
        calls.one_of(60.0)
    calls.begin("p", Stage.PARSE)
    calls.after(0.0)
    found = calls.after(UNKNOWN_S + 1)
    assert found is not None
    assert (found.stage, found.component) == ("parse", "lab/PARSE")


def test_the_one_that_has_stalled_longest_is_named_and_the_others_counted() -> None:
    calls = Calls()
    for _ in range(9):
        calls.one_of(0.5)
    for case_id in ("first", "second", "third"):
        calls.begin(case_id)
        calls.after(1.0)
    found = calls.after(STALLED_S + 10)
    assert found is not None
    assert (found.case_id, found.others) == ("first", 2)
    assert found.text.endswith(", and 2 more")
    calls.end("first")
    found = calls.after(0.0)
    assert found is not None
    assert found.case_id == "second"


def test_when_the_first_calls_of_all_take_long_they_are_usual() -> None:
    calls = Calls()
    for case_id in ("first", "second"):
        calls.begin(case_id)
    calls.after(0.0)
    assert calls.after(UNKNOWN_S + 1) is not None
    calls.end("first")
    assert calls.after(1.0) is None


def test_a_call_that_is_tried_again_begins_again() -> None:
    calls = Calls()
    calls.begin("slow")
    calls.after(0.0)
    calls.after(UNKNOWN_S - 1)
    calls.end("slow")
    calls.begin("slow")
    assert calls.after(30.0) is None


# --- in whole runs


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalled_calls, "STALLED_S", 0.05)
    monkeypatch.setattr(stalled_calls, "UNKNOWN_S", 0.05)


def stalled_in(made: Experiment) -> StalledCall | None:
    """The first call that a run has stalled with; None if it ends without one."""
    progress = RunProgress()
    found: list[StalledCall] = []
    is_over = threading.Event()

    def keep_looking() -> None:
        while not is_over.wait(0.01):
            if (call := progress.stalled()) is not None:
                found.append(call)

    thread = threading.Thread(target=keep_looking)
    thread.start()
    try:
        made.run(progress=progress)
    finally:
        is_over.set()
        thread.join()
    assert progress.stalled() is None, "a run that is over has no calls"
    return found[0] if found else None


def slow_for(name: str, then: Any, *, blocks: bool = False) -> Callable[..., Any]:
    async def waits() -> Any:
        await asyncio.sleep(0.3)
        return then

    def script(subject: Any, *_: Any) -> Any:
        seen = getattr(subject, "case_id", None) or (subject[0].candidate_id if isinstance(subject, list) else subject)
        if not str(seen).startswith(name):
            return then
        if blocks:
            time.sleep(0.3)
            return then
        return waits()

    return script


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("facts", "stage", "component"),
    [
        ({"generator": ScriptedGenerator(slow_for("q1", "a"))}, "generation", "lab/generator"),
        ({"generator": ScriptedGenerator(slow_for("q1", "a", blocks=True))}, "generation", "lab/generator"),
        (
            {"reducer": ScriptedReducer(slow_for("q1", "a", blocks=True), component_id="lab/reducer")},
            "reduction",
            "lab/reducer",
        ),
        (
            {"parser": ScriptedParser(slow_for("a1", "a", blocks=True), component_id="lab/parser")},
            "parse",
            "lab/parser",
        ),
        ({"metrics": [ScriptedMetric(slow_for("a1", 1.0, blocks=True))]}, "score", "lab/metric"),
    ],
    ids=["generator", "generator that blocks", "reducer", "parser", "metric"],
)
@pytest.mark.parametrize("is_observed", [False, True])
def test_the_case_the_stage_and_the_component_are_named(
    facts: dict[str, Any], stage: str, component: str, *, is_observed: bool
) -> None:
    made = experiment(**{"generator": ScriptedGenerator(lambda case, ctx: case.input), **facts})
    if is_observed:
        progress_run = made.run
        made = _Observed(progress_run)  # type: ignore[assignment]
    found = stalled_in(made)
    assert found is not None
    assert (found.case_id, found.dataset_id, found.stage, found.component) == ("q1", "lab", stage, component)
    assert 0.05 <= found.for_s < PATIENCE_S


class _Observed:
    """An experiment whose run has a subscriber."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def run(self, **options: Any) -> Any:
        return self._run(subscribers=[SimpleNamespace(on_event=lambda event: None)], **options)


@pytest.mark.usefixtures("impatient")
def test_a_provider_that_does_not_answer_is_named_and_a_call_that_waits_for_it_is_not() -> None:
    generator = ScriptedGenerator(slow_for("q0", "a"))
    generator.provider_key = "lab:one at a time"  # type: ignore[attr-defined]
    runtime = RuntimeConfig(provider_concurrency={"lab:one at a time": 1})
    found = stalled_in(experiment(generator, runtime=runtime, datasets=[dataset(5)]))
    assert found is not None
    assert (found.case_id, found.others) == ("q0", 0)


class PassingError(Exception):
    """What the second try does not meet."""

    retryable = True


@pytest.mark.usefixtures("impatient")
def test_a_call_that_waits_to_be_tried_again_has_not_stalled() -> None:
    tries: list[str] = []

    def script(case: Any, ctx: Any) -> Any:
        tries.append(case.case_id)
        return PassingError() if len(tries) == 1 else "a"

    runtime = RuntimeConfig(generation_retry_delay=0.2)
    assert stalled_in(experiment(ScriptedGenerator(script), runtime=runtime, datasets=[dataset(1)])) is None
    assert len(tries) == 2
