"""Which span a score is linked to, and what becomes of spans when a run is replayed, interrupted or half stored."""

import asyncio
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import error_attributes

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    dataset,
    experiment,
)
from tests.unit.telemetry.conftest import Kept
from themis.core.config import RuntimeConfig
from themis.core.errors import StoreBusyError
from themis.core.models import GenerationResult
from themis.core.stores import InMemoryRunStore

ON = RuntimeConfig(tracing=True)


def lab(**facts: Any) -> Any:
    given = {"metrics": [ScriptedMetric()], "datasets": [dataset(1)], "runtime": ON, **facts}
    return experiment(given.pop("generator", ScriptedGenerator()), **given)


def candidate_of(kept: Kept, score: Any) -> int | None:
    """The candidate whose call a score is linked to; None when it is linked to no call."""
    spans = {span.context.span_id: span for span in kept.exporter.get_finished_spans() if span.context is not None}
    attributes = spans[score.span_id].attributes or {}
    found = attributes.get("themis.candidate.index")
    assert found is None or isinstance(found, int)
    return found


def by_seed(case: Any, ctx: Any) -> GenerationResult:
    return GenerationResult(candidate_id=f"c{ctx.seed}", final_output=f"answer {ctx.seed}")


def test_the_score_of_a_reduced_answer_is_linked_to_the_first_candidate_that_has_it(kept: Kept) -> None:
    reducer = ScriptedReducer(lambda candidates: candidates[1].final_output, component_id="lab/reducer")
    lab(generator=ScriptedGenerator(by_seed), samples=3, seeds=[7, 8, 9], reducer=reducer).run()
    (score,) = kept.scores
    assert candidate_of(kept, score) == 1


def test_the_score_of_a_selected_answer_is_linked_to_what_the_selector_kept(kept: Kept) -> None:
    selector = ScriptedSelector(lambda candidates: candidates[2:], component_id="lab/selector")
    lab(generator=ScriptedGenerator(by_seed), samples=3, seeds=[7, 8, 9], selector=selector).run()
    (score,) = kept.scores
    assert candidate_of(kept, score) == 2


def test_the_score_of_each_candidate_is_linked_to_its_own_call(kept: Kept) -> None:
    lab(generator=ScriptedGenerator(by_seed), samples=2, seeds=[7, 8], score_candidates="each").run()
    linked = {score.attributes.get("themis.candidate.index"): candidate_of(kept, score) for score in kept.scores}
    assert linked == {None: 0, 0: 0, 1: 1}


def test_the_score_of_an_answer_that_was_stored_is_linked_to_its_case(kept: Kept) -> None:
    store = InMemoryRunStore()
    lab().run(until_stage="generate", store=store, runtime=RuntimeConfig())
    lab().run(store=store)
    assert set(kept.spans) == {"themis.run", "themis.case"}
    (score,) = kept.scores
    case = kept.spans["themis.case"].context
    assert case is not None
    assert score.span_id == case.span_id


def test_a_replay_is_traced_without_calls_of_its_generator(kept: Kept) -> None:
    store = InMemoryRunStore()
    lab().run(store=store, runtime=RuntimeConfig())
    lab().replay("score", store=store)
    assert set(kept.spans) == {"themis.run", "themis.case"}
    assert len(kept.scores) == 1


@pytest.mark.parametrize("judged", [False, True])
def test_a_case_that_cannot_be_parsed_is_unscored_by_each_metric_of_the_run(kept: Kept, judged: bool) -> None:
    made = judged_experiment([ScriptedJudge()], [ScriptedMetric(), ScriptedJudged()], datasets=[dataset(1)])
    parser = ScriptedParser(lambda output: ValueError("unreadable"), component_id="lab/parser")
    changed = made.evaluation.model_copy(update={"parsers": [parser]})
    made.model_copy(update={"evaluation": changed}).run("judge" if judged else "score", runtime=ON)
    said = [(score.attributes[gen_ai.GEN_AI_EVALUATION_NAME], score.attributes) for score in kept.scores]
    assert [name for name, _ in said] == (["lab/metric", "lab/judged"] if judged else ["lab/metric"])
    for _, attributes in said:
        assert attributes[error_attributes.ERROR_TYPE] == "parse_failure"
        assert attributes[gen_ai.GEN_AI_EVALUATION_EXPLANATION] == "unreadable"
        assert gen_ai.GEN_AI_EVALUATION_SCORE_VALUE not in attributes


def test_a_run_until_its_generations_scores_nothing_that_failed(kept: Kept) -> None:
    lab(generator=ScriptedGenerator(lambda case, ctx: ValueError("no"))).run(until_stage="generate")
    assert kept.scores == []
    assert not (kept.spans["themis.case"].status.is_ok)


def test_no_answer_is_a_label_of_the_score_that_it_counts_as(kept: Kept) -> None:
    lab(parser=ScriptedParser(lambda output: None, component_id="lab/parser")).run()
    (score,) = kept.scores
    assert score.attributes[gen_ai.GEN_AI_EVALUATION_SCORE_VALUE] == 0.0
    assert score.attributes[gen_ai.GEN_AI_EVALUATION_SCORE_LABEL] == "no_answer"


def test_a_model_that_names_no_provider_is_named_by_its_component(kept: Kept) -> None:
    lab().run()
    attributes = kept.spans["chat"].attributes or {}
    assert attributes[gen_ai.GEN_AI_PROVIDER_NAME] == "lab/generator"
    assert gen_ai.GEN_AI_REQUEST_MODEL not in attributes


def test_a_run_that_its_store_interrupts_leaves_no_span_open(kept: Kept) -> None:
    class Busy(InMemoryRunStore):
        def append(self, *arguments: Any, **named: Any) -> Any:
            raise StoreBusyError(path="s", seconds=1)

    with pytest.raises(StoreBusyError):
        lab().run(store=Busy())
    assert {"themis.run", "themis.case"} <= set(kept.spans)
    assert "themis.run.status" not in (kept.spans["themis.run"].attributes or {})


def test_a_run_that_is_cancelled_ends_its_spans(kept: Kept) -> None:
    async def asked() -> None:
        begun = asyncio.Event()

        async def hangs(case: Any, ctx: Any) -> Any:
            begun.set()
            await asyncio.sleep(60)

        made = lab(generator=ScriptedGenerator(hangs))
        task = asyncio.create_task(made.run_async())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asked())
    assert kept.spans["themis.run"].attributes is not None
    assert kept.spans["themis.run"].attributes["themis.run.status"] == "cancelled"
    assert (kept.spans["chat"].attributes or {})[error_attributes.ERROR_TYPE] == "CancelledError"
    assert "themis.case" in kept.spans


def test_the_providers_of_the_program_are_used_and_stay_open(kept: Kept) -> None:
    lab().run()
    before = len(kept.exporter.get_finished_spans())
    lab(datasets=[dataset(2)]).run()
    assert before == 3
    assert len(kept.exporter.get_finished_spans()) == before + 5


def test_a_metric_that_gave_a_score_is_not_unscored_when_a_candidate_of_the_case_fails(kept: Kept) -> None:
    def parse(output: Any) -> Any:
        return ValueError("unreadable") if output == "answer 8" else output

    parser = ScriptedParser(parse, component_id="lab/parser")
    lab(generator=ScriptedGenerator(by_seed), samples=2, seeds=[7, 8], score_candidates="each", parser=parser).run()
    said = [(one.attributes.get("themis.candidate.index"), one.attributes.get("error.type")) for one in kept.scores]
    assert sorted(said, key=str) == [(0, None), (None, None)]
