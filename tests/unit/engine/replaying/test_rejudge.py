"""Judges are asked again about what is stored; a replay of earlier stages asks them only what is new to them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment
from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset
from tests.support.stores import EACH_STORE, STORES
from themis.core.config import RuntimeConfig
from themis.core.inspection import get_evaluation_execution
from themis.core.processes.interruption import Interruption
from themis.core.stores import RunStore


@pytest.fixture(params=EACH_STORE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    with closing(STORES[request.param](tmp_path)) as made:
        yield made


class Desk:
    """A judged run that is complete, with a pure metric beside the judged one."""

    def __init__(self, store: RunStore, count: int = 3, **facts: Any) -> None:
        self.store = store
        self.generator, self.judge = ScriptedGenerator(), ScriptedJudge()
        self.parser = ScriptedParser(lambda output: output, component_id="lab/parser")
        self.pure, self.judged = ScriptedMetric(), ScriptedJudged()
        self.experiment = judged_experiment(
            [self.judge],
            [self.pure, self.judged],
            generator=self.generator,
            parser=self.parser,
            datasets=[dataset(count)],
            **facts,
        )
        assert self.experiment.run(store=store).status == "completed"
        assert self.calls == [count] * 4

    @property
    def calls(self) -> list[int]:
        """How often generator, parser, metric and judge were called since this was last asked."""
        found = []
        for component in (self.generator, self.parser, self.pure, self.judge):
            found.append(len(component.calls))
            component.calls.clear()
        return found


def test_a_rejudge_asks_the_judges_again_and_nobody_else(store: RunStore) -> None:
    desk = Desk(store)
    desk.judge.script = lambda content: "0.25"
    result = desk.experiment.rejudge(store=store)
    assert desk.calls == [0, 0, 0, 3]
    assert (result.status, result.completed_through_stage) == ("completed", "judge")
    assert result.metrics["lab/judged"].mean == 0.25
    assert result.metrics["lab/metric"].mean == 1.0
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [response.raw_response for response in execution.judge_responses] == ["0.25"]
    assert desk.experiment.run(store=store) == result
    assert desk.experiment.rejudge(["lab/judged"], store=store).metrics["lab/judged"].mean == 0.25
    assert desk.calls == [0, 0, 0, 3], "a rejudge always asks"


def test_a_replay_of_earlier_stages_asks_judges_nothing_that_they_have_answered(store: RunStore) -> None:
    desk = Desk(store)
    for stage, calls in (("score", [0, 0, 3, 0]), ("parse", [0, 3, 3, 0]), ("reduce", [0, 3, 3, 0])):
        result = desk.experiment.replay(stage, store=store)
        assert desk.calls == calls
        assert (result.status, result.metrics["lab/judged"].mean) == ("completed", 1.0)


def test_a_pure_metric_alone_is_scored_again_and_the_judgments_stay(store: RunStore) -> None:
    desk = Desk(store)
    desk.pure.script = lambda value, case: 0.5
    desk.judge.script = lambda content: "0"
    result = desk.experiment.replay("score", ["lab/metric"], store=store)
    assert desk.calls == [0, 0, 3, 0]
    assert (result.metrics["lab/metric"].mean, result.metrics["lab/judged"].mean) == (0.5, 1.0)


def test_a_judgment_that_failed_stays_when_another_metric_is_scored_again(store: RunStore) -> None:
    desk = Desk(store)
    desk.judge.script = lambda content: ValueError("no") if content.startswith("q1") else "1"
    assert desk.experiment.rejudge(store=store).status == "partial_failure"
    assert desk.calls == [0, 0, 0, 3]
    result = desk.experiment.replay("score", ["lab/metric"], store=store)
    assert (result.status, desk.calls) == ("partial_failure", [0, 0, 3, 0])
    desk.judge.script = lambda content: "1"
    assert desk.experiment.rejudge(store=store).status == "completed"


def test_a_rejudge_that_is_interrupted_repeats_no_call_that_was_committed(store: RunStore) -> None:
    desk = Desk(store, count=20, runtime=RuntimeConfig(max_concurrent_tasks=1))
    before = desk.experiment.run(store=store).model_dump()
    desk.judge.script = lambda content: Interruption() if content.startswith("q12:") else "0.5"
    with pytest.raises(Interruption):
        desk.experiment.rejudge(store=store)
    assert desk.calls == [0, 0, 0, 13]
    assert desk.experiment.run(store=store).model_dump() == before, "the run is as it was"
    desk.judge.script = lambda content: "0.5"
    result = desk.experiment.rejudge(store=store)
    assert desk.calls == [0, 0, 0, 8]
    assert result.metrics["lab/judged"].mean == 0.5


def test_what_the_judges_of_a_rejudge_used_is_counted_as_another_execution(store: RunStore) -> None:
    judge = ScriptedJudge()
    judge.model_id = "lab-model"  # type: ignore[attr-defined]
    judge.usage = {"prompt_tokens": 7, "completion_tokens": 1}
    made = judged_experiment([judge])
    made.run(store=store)
    result = made.rejudge(store=store)
    assert sorted(result.spends) == [1, 2]
    made.replay("parse", store=store)
    assert sorted(store.spends(result.run_id)) == [1, 2], "nobody was asked"
