"""Ten samples of each problem of CRUXEval with the publisher's verdicts: pass@1 and pass@5 as published."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, experiment
from themis.core.contexts import GenerateContext
from themis.core.models import Case, Dataset
from themis.core.results import RunStatus
from themis.core.statistics.sample_estimators import Sample, sample_figures
from themis.core.statistics.sample_figures import SampleFigures
from themis.core.stores import InMemoryRunStore

DATA = Path(__file__).parents[3] / "shared" / "data" / "cruxeval_samples.jsonl"
SAMPLES = 10
PUBLISHED = {"output": (34.2125, 40.286706), "input": (35.95, 44.991071)}
DIGITS = 6

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the stored samples are not here")


def _problems(task: str, count: int | None = None) -> list[dict[str, Any]]:
    with DATA.open(encoding="utf-8") as lines:
        found = [{"case_id": line["case_id"], **line[task]} for line in map(json.loads, lines)]
    return found[:count]


def _figures(problems: list[dict[str, Any]]) -> SampleFigures:
    cases = (
        [Sample(float(right), text) for text, right in zip(one["generations"], one["correct"], strict=True)]
        for one in problems
    )
    return sample_figures(cases, SAMPLES)


def _replayed(problems: list[dict[str, Any]]) -> SampleFigures:
    """The figures of a run whose generator gives the stored samples, and whose metric the stored verdicts."""

    def answer(case: Case, ctx: GenerateContext) -> dict[str, Any]:
        stored: Any = case.input
        return {"text": stored["generations"][ctx.seed], "right": stored["correct"][ctx.seed]}

    cases = [Case(case_id=one["case_id"], input=one) for one in problems]
    metric = ScriptedMetric(lambda value, case: float(value["right"]))
    store = InMemoryRunStore()
    result = experiment(
        ScriptedGenerator(answer),
        samples=SAMPLES,
        seeds=range(SAMPLES),
        parser=ScriptedParser(lambda output: output, component_id="lab/parser"),
        metrics=[metric],
        score_candidates="each",
        datasets=[Dataset(dataset_id="cruxeval", cases=cases)],
    ).run(store=store)
    assert result.status is RunStatus.COMPLETED
    found = result.metrics["lab/metric"].samples
    assert found is not None
    return found


@pytest.mark.parametrize("task", list(PUBLISHED))
def test_the_stored_verdicts_give_the_published_figures(task: str) -> None:
    found = _figures(_problems(task)).at_k["pass_at_k"]
    assert (round(100 * found[1].value, DIGITS), round(100 * found[5].value, DIGITS)) == PUBLISHED[task]


def test_a_run_over_a_part_gives_the_same_figures_as_the_verdicts() -> None:
    part = _problems("output", 25)
    assert _replayed(part).document() == _figures(part).document()


@pytest.mark.slow
@pytest.mark.parametrize("task", list(PUBLISHED))
def test_a_run_over_all_samples_gives_the_published_figures(task: str) -> None:
    found = _replayed(_problems(task))
    at_k = found.at_k["pass_at_k"]
    assert (round(100 * at_k[1].value, DIGITS), round(100 * at_k[5].value, DIGITS)) == PUBLISHED[task]
    assert found.cases_at_k == dict.fromkeys(range(1, SAMPLES + 1), 800)
