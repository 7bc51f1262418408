"""Scores of a run: the same whether they are read from its store or from its table."""

from tests.support.lab import ScriptedGenerator, ScriptedMetric, experiment
from themis.core.comparison.answers import answers_of
from themis.core.comparison.scores import RunScores
from themis.core.models import GenerationResult
from themis.core.stores import InMemoryRunStore, projections


def test_a_run_of_candidates_and_views_has_one_score_for_each_case_and_metric() -> None:
    generator = ScriptedGenerator(
        lambda case, ctx: GenerationResult(candidate_id=str(ctx.seed), final_output=f"{case.input} {ctx.seed}")
    )
    metric = ScriptedMetric(lambda value, case: float(str(value).endswith("1")))
    store = InMemoryRunStore()
    run_id = (
        experiment(
            generator,
            samples=2,
            seeds=[1, 2],
            metrics=[metric],
            score_candidates="each",
            views={"loose": {"parsers": ["builtin/text"], "metrics": [metric]}},
        )
        .run(store=store)
        .run_id
    )
    found = RunScores.read(store, run_id)
    assert found.scores == RunScores.of(projections.benchmark_result(store, run_id)).scores
    assert found.scores == {name: dict.fromkeys(found.case_numbers, 1.0) for name in ("lab/metric", "loose/lab/metric")}
    assert answers_of(store, found, list(found.case_numbers)) == ["a0 1", "a1 1", "a2 1"]
