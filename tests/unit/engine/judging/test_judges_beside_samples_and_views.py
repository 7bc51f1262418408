"""Judges in a run that scores each candidate, or in several views: they are asked about the reduced answer, once."""

from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment
from tests.support.lab import ScriptedGenerator, ScriptedParser
from tests.support.onlookers import Listener
from themis.core.errors import ConfigError, InvalidArgumentError
from themis.core.inspection import get_sample_figures
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore

VIEWS = {"v": {"metrics": ["builtin/exact_match"]}}


@pytest.mark.parametrize("metrics", [["builtin/exact_match"], []])
@pytest.mark.parametrize(
    "ways",
    [
        {"samples": 2, "score_candidates": "each"},
        {"views": VIEWS},
        {"samples": 2, "score_candidates": "each", "views": VIEWS},
    ],
)
@pytest.mark.parametrize("subscribers", [[], [Listener()]])
def test_judges_are_asked_once_for_a_case(metrics: list[Any], ways: dict[str, Any], subscribers: list[Any]) -> None:
    judge, judged, store = ScriptedJudge(), ScriptedJudged(), InMemoryRunStore()
    made = judged_experiment([judge], [judged, *metrics], **ways)
    result = made.run(store=store, subscribers=subscribers)
    assert (result.status, result.completed_through_stage) == (RunStatus.COMPLETED, "judge")
    assert sorted(judged.calls) == [("candidate_set", f"q{no}") for no in range(3)]
    assert len(judge.calls) == 3
    assert result.metrics["lab/judged"].scored == 3
    assert result.metrics["lab/judged"].samples is None
    if "score_candidates" in ways and metrics:
        found = result.metrics["builtin/exact_match"].samples
        assert found is not None
        assert found.cases_at_k == {1: 3, 2: 3}


def test_a_judge_that_fails_fails_the_case_and_leaves_its_candidates_scored() -> None:
    judge = ScriptedJudge(lambda content: ValueError("no verdict"))
    made = judged_experiment([judge], [ScriptedJudged(), "builtin/exact_match"], samples=2, score_candidates="each")
    result = made.run(store=InMemoryRunStore())
    assert result.status is RunStatus.PARTIAL_FAILURE
    assert result.metrics["lab/judged"].unscored == 3
    assert [len(case.samples) for case in result.cases] == [2, 2, 2]


def test_a_candidate_that_failed_leaves_nothing_to_judge() -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if ctx.seed == 1 else case.input)
    judge = ScriptedJudge()
    made = judged_experiment(
        [judge],
        [ScriptedJudged(), "builtin/exact_match"],
        generator=generator,
        samples=2,
        seeds=[0, 1],
        score_candidates="each",
    )
    result = made.run(store=InMemoryRunStore())
    assert (result.status, judge.calls) == (RunStatus.PARTIAL_FAILURE, [])
    assert [[sample.candidate_index for sample in case.samples] for case in result.cases] == [[0]] * 3


def test_a_parse_that_fails_in_a_view_leaves_the_case_judged() -> None:
    broken = ScriptedParser(lambda output: ValueError("unreadable"), component_id="lab/broken")
    judge = ScriptedJudge()
    made = judged_experiment([judge], views={"v": {"parsers": [broken], "metrics": ["builtin/exact_match"]}})
    result = made.run(store=InMemoryRunStore())
    assert (result.status, len(judge.calls)) == (RunStatus.PARTIAL_FAILURE, 3)
    assert result.metrics["lab/judged"].scored == 3


def test_a_view_has_no_metric_that_asks_a_judge() -> None:
    with pytest.raises(ConfigError, match=r"views\.v\.metrics: metric 'lab/judged' asks a judge"):
        judged_experiment(views={"v": {"metrics": [ScriptedJudged()]}}).compile()


def test_what_a_judge_scores_has_no_figures_over_samples() -> None:
    store = InMemoryRunStore()
    made = judged_experiment(samples=2, score_candidates="each")
    run_id = made.run(store=store).run_id
    with pytest.raises(InvalidArgumentError, match="judges score no single candidates"):
        get_sample_figures(store, run_id, "lab/judged")
    rows = store.get_projection(run_id, "benchmark_result")["score_rows"]
    assert [row["metric_id"] for row in rows] == ["lab/judged"] * 3
