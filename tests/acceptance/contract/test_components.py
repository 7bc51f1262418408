"""Programs with components of one's own: what they are told, what their failures come to, and who looks on."""

from typing import Any

import pytest

import themis.core as t
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    dataset,
    experiment,
)
from tests.support.onlookers import Listener, Tracer
from themis.core.errors import (
    FingerprintChangedError,
    UnknownComponentError,
    UnknownRunError,
)

# --- no answer, and no score


def test_a_run_in_which_every_case_has_an_answer_but_a_metric_failed_is_a_partial_failure() -> None:
    metrics = [ScriptedMetric(lambda value, case: KeyError("no"), component_id="lab/bad"), ScriptedMetric()]
    result = experiment(metrics=metrics).run()
    assert (result.status, result.progress.failed_cases) == (t.RunStatus.PARTIAL_FAILURE, 3)
    for case in result.cases:
        error, score = case.scores
        assert isinstance(error, t.ScoreError)
        assert (error.metric_id, error.reason.split(" (")[0]) == ("lab/bad", "KeyError: 'no'")
        assert score == t.Score(metric_id="lab/metric", value=1.0)


def test_a_run_in_which_no_case_has_an_answer_is_failed() -> None:
    assert experiment(ScriptedGenerator(lambda case, ctx: ValueError("no"))).run().status is t.RunStatus.FAILED
    parser = ScriptedParser(lambda output: ValueError("no"), component_id="lab/parser")
    assert experiment(parser=parser).run().status is t.RunStatus.FAILED


def test_the_three_ways_to_have_no_right_answer_are_told_apart() -> None:
    def answer(case: t.Case, ctx: t.GenerateContext) -> Any:
        return {"q0": "wrong", "q1": None, "q2": ValueError("no")}[case.case_id]

    store = t.InMemoryRunStore()
    run_id = experiment(ScriptedGenerator(answer)).run(store=store).run_id
    found = t.quickcheck(store, run_id)
    assert [(row["outcome"], row["value"], row["error_category"]) for row in found["score_rows"]] == [
        ("incorrect", 0.0, None),
        ("incorrect", 0.0, "no_answer"),
        ("error", None, "generation_failure"),
    ]
    figures = found["metrics"]["builtin/exact_match"]
    assert set(figures) == {
        "mean",
        "scored",
        "total",
        "no_answer",
        "unscored",
        "low",
        "high",
        "ci_lower",
        "ci_upper",
    }
    assert (figures["scored"], figures["no_answer"], figures["unscored"]) == (2, 1, 1)


# --- components, subscribers, tracers


def test_every_kind_of_component_is_asked_with_its_context() -> None:
    contexts: dict[str, Any] = {}

    def keep(name: str, ctx: Any, answer: Any) -> Any:
        contexts[name] = ctx
        return answer

    class Selector(ScriptedSelector):
        async def select(self, candidates: Any, ctx: t.SelectContext) -> Any:
            return keep("select", ctx, candidates[1:])

    class Reducer(ScriptedReducer):
        async def reduce(self, candidates: Any, ctx: t.ReduceContext) -> Any:
            return keep("reduce", ctx, t.ReducedCandidate(candidate_id="r", final_output=candidates[0].final_output))

    class Parser(ScriptedParser):
        def parse(self, candidate: Any, ctx: t.ParseContext) -> Any:
            return keep("parse", ctx, t.ParsedOutput(value=candidate.final_output))

    class Metric(ScriptedMetric):
        def score(self, parsed: Any, case: Any, ctx: t.ScoreContext) -> Any:
            return keep("score", ctx, t.Score(metric_id=self.component_id, value=1.0))

    seen, tracer = Listener(), Tracer()
    prompt = t.PromptSpec(instructions="Answer.")
    made = experiment(
        ScriptedGenerator(lambda case, ctx: keep("generate", ctx, str(ctx.seed))),
        samples=2,
        seeds=[3, 4],
        selector=Selector(list, component_id="lab/selector"),
        reducer=Reducer(list, component_id="lab/reducer"),
        parser=Parser(list, component_id="lab/parser"),
        metrics=[Metric()],
        datasets=[dataset(1)],
        prompt=prompt,
    )
    result = made.run(subscribers=[seen], tracing_provider=tracer)
    assert {ctx.case_key for ctx in contexts.values()} == {"3:lab:q0"}
    assert {ctx.run_id for ctx in contexts.values()} == {result.run_id}
    assert contexts["generate"].prompt_spec == prompt
    assert contexts["select"].candidate_ids == ["q0-3", "q0-4"]
    assert contexts["reduce"].candidate_ids == ["q0-4"]
    assert contexts["parse"].candidate_id == "r"
    assert (contexts["score"].case.case_id, contexts["score"].parsed_output.value) == ("q0", "4")
    steps = ("generate", "generate", "reduce", "parse", "score")
    assert sorted(seen.calls) == sorted(f"{when}_{step}" for step in steps for when in ("before", "after"))
    spans = ["generation", "generation", "parse", "reduction", "run", "score", "selection"]
    assert sorted(tracer.spans) == [(span, "ok") for span in spans]
    types = {type(event).__name__ for event in seen.events}
    assert types == {
        f"{stage}{end}Event"
        for stage in ("Run", "Generation", "Selection", "Reduction", "Parse", "Score")
        for end in ("Started", "Completed")
    }
    assert all(event.run_id == result.run_id and event.occurred_at and event.event_type for event in seen.events)


def test_what_passes_is_tried_again_and_the_history_is_kept() -> None:
    tries: list[str] = []

    def answer(case: t.Case, ctx: t.GenerateContext) -> Any:
        tries.append(case.case_id)
        return TimeoutError("slow") if tries.count(case.case_id) < 3 else "x"

    result = experiment(ScriptedGenerator(answer), datasets=[dataset(1)]).run()
    assert (result.status, len(tries)) == (t.RunStatus.COMPLETED, 3)
    gone = experiment(ScriptedGenerator(lambda case, ctx: OSError("gone")), datasets=[dataset(1)]).run()
    assert len(gone.cases[0].generation_failures["0"].attempts) == 2


def test_errors_are_ours_and_pythons_too() -> None:
    for attempt, error, builtin in (
        (lambda: experiment("builtin/no_such").compile(), UnknownComponentError, ValueError),
        (lambda: t.get_run_snapshot(t.InMemoryRunStore(), "x"), UnknownRunError, ValueError),
        (_change_after_compile, FingerprintChangedError, RuntimeError),
    ):
        with pytest.raises(error) as caught:
            attempt()
        assert isinstance(caught.value, builtin)


def _change_after_compile() -> None:
    generator = ScriptedGenerator()
    made = experiment(generator)
    made.compile()
    generator._fingerprint = "two"
    made.run()
