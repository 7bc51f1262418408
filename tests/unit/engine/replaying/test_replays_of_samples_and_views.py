"""Replays and bundles of a run that scores each candidate, and in views: nothing is asked, and all of it is there."""

import json
from typing import Any

import pytest

import themis
from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, experiment
from themis.core.experiment import Experiment
from themis.core.models import GenerationResult
from themis.core.stores import InMemoryRunStore

CASES, SAMPLES = 3, 2


class Lab:
    """An experiment of two candidates per case, each scored outside of views and in one."""

    def __init__(self) -> None:
        self.score = 0.25
        self.generator = ScriptedGenerator(
            lambda case, ctx: GenerationResult(candidate_id=str(ctx.seed), final_output=f"{case.input} {ctx.seed}")
        )
        self.metric = ScriptedMetric(lambda value, case: self.score)
        self.parser = ScriptedParser(lambda output: [output], component_id="lab/parser")

    def experiment(self) -> Experiment:
        return experiment(
            self.generator,
            samples=SAMPLES,
            parser=self.parser,
            metrics=[self.metric, "builtin/exact_match"],
            score_candidates="each",
            views={"loose": {"parsers": ["builtin/text"], "metrics": [self.metric]}},
        )


@pytest.fixture
def lab() -> Lab:
    return Lab()


def scores(store: InMemoryRunStore, run_id: str, metric_id: str) -> list[float | None]:
    """The scores of a metric: of the reduced answer of each case, and of each of its candidates."""
    rows: list[dict[str, Any]] = store.get_projection(run_id, "benchmark_result")["score_rows"]
    return [row["value"] for row in rows if row["metric_id"] == metric_id]


def test_a_replay_scores_every_candidate_in_every_view_again(lab: Lab) -> None:
    store = InMemoryRunStore()
    run_id = lab.experiment().run(store=store).run_id
    asked = len(lab.generator.calls)
    answers = CASES * (1 + SAMPLES)
    assert scores(store, run_id, "lab/metric") == scores(store, run_id, "loose/lab/metric") == [0.25] * answers
    lab.score = 0.75
    lab.experiment().replay("score", store=store)
    assert scores(store, run_id, "lab/metric") == scores(store, run_id, "loose/lab/metric") == [0.75] * answers
    assert len(lab.generator.calls) == asked


def test_a_metric_of_a_view_is_replayed_alone(lab: Lab) -> None:
    store = InMemoryRunStore()
    run_id = lab.experiment().run(store=store).run_id
    lab.score = 0.75
    result = lab.experiment().replay("score", metric_ids=["loose/lab/metric"], store=store)
    answers = CASES * (1 + SAMPLES)
    assert scores(store, run_id, "loose/lab/metric") == [0.75] * answers
    assert scores(store, run_id, "lab/metric") == [0.25] * answers
    documents = [result.metrics[name].document() for name in ("lab/metric", "loose/lab/metric")]
    assert [document["samples"]["average"] for document in documents] == [0.25, 0.75]


def test_bundles_hand_every_candidate_and_view_on(lab: Lab) -> None:
    store, elsewhere = InMemoryRunStore(), InMemoryRunStore()
    result = lab.experiment().run(store=store)
    counts = {"generation": CASES * SAMPLES, "reduction": CASES, "parse": 2 * CASES * (1 + SAMPLES)}
    for stage in ("generation", "reduction", "parse", "score"):
        bundle = getattr(themis, f"export_{stage}_bundle")(store, result.run_id)
        assert len(bundle.records) == counts.get(stage, 3 * CASES * (1 + SAMPLES)), stage
        getattr(themis, f"import_{stage}_bundle")(elsewhere, json.loads(bundle.model_dump_json()))
    found = elsewhere.get_projection(result.run_id, "benchmark_result")
    assert found["score_rows"] == store.get_projection(result.run_id, "benchmark_result")["score_rows"]
    before, calls = len(lab.generator.calls), len(lab.metric.calls)
    again = lab.experiment().run(store=elsewhere)
    assert (again.status, len(lab.generator.calls), len(lab.metric.calls)) == ("completed", before, calls)


def test_a_bundle_with_a_candidate_that_the_run_does_not_have_is_refused(lab: Lab) -> None:
    store = InMemoryRunStore()
    result = lab.experiment().run(store=store)
    themis.import_generation_bundle(
        elsewhere := InMemoryRunStore(), themis.export_generation_bundle(store, result.run_id)
    )
    document = json.loads(themis.export_score_bundle(store, result.run_id).model_dump_json())
    document["records"][-1]["item"] += 1_000_000 * SAMPLES
    with pytest.raises(ValueError, match=r"records\.\d+: item"):
        themis.import_score_bundle(elsewhere, document)


def test_a_bundle_whose_view_has_another_component_than_the_run_is_refused(lab: Lab) -> None:
    store = InMemoryRunStore()
    result = lab.experiment().run(store=store)
    document = json.loads(themis.export_generation_bundle(store, result.run_id).model_dump_json())
    document["snapshot"]["component_refs"]["views"]["loose"]["parsers"][0]["version"] = "another"
    with pytest.raises(ValueError, match=r"snapshot\.component_refs\.views: does not fit"):
        themis.import_generation_bundle(InMemoryRunStore(), document)
