"""Each stage of a case: what passes on, and what becomes of what does not."""

import asyncio
import json
import logging
import re
import signal
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.lab import (
    NotAResult,
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    dataset,
    experiment,
    metric_means,
    score_rows,
)
from themis.core.engine.calls.interrupts import came_from_signal
from themis.core.models import (
    Case,
    Dataset,
    GenerationResult,
    Message,
    ParsedOutput,
    ReducedCandidate,
    Score,
    ScoreError,
    TraceStep,
)
from themis.core.prompts import PromptSpec
from themis.core.reports import Reporter
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore, sqlite_store

ONE_CASE = [dataset(1)]


class PanicError(BaseException):
    """What comes out of a panic in another language."""


BASE = [SystemExit, KeyboardInterrupt, GeneratorExit, PanicError, RecursionError, MemoryError]


def selector(script: Any) -> ScriptedSelector:
    return ScriptedSelector(script, component_id="lab/selector")


def reducer(script: Any) -> ScriptedReducer:
    return ScriptedReducer(script, component_id="lab/reducer")


def parser(script: Any) -> ScriptedParser:
    return ScriptedParser(script, component_id="lab/parser")


def seeded(case: Any, ctx: Any) -> str:
    return f"from {ctx.seed}"


# --- generation ------------------------------------------------------------------------------------------------------


def test_candidate_i_is_generated_with_seed_i() -> None:
    generator = ScriptedGenerator(seeded)
    result = experiment(generator, samples=3, seeds=[30, 10, 20], datasets=ONE_CASE).run()
    outputs = [candidate.final_output for candidate in result.cases[0].generated_candidates]
    assert outputs == ["from 30", "from 10", "from 20"]


def test_without_seeds_candidate_i_is_generated_with_the_derived_seed_i() -> None:
    made = experiment(ScriptedGenerator(seeded), samples=2, datasets=ONE_CASE)
    seeds = made.compile().seeds(0)
    result = made.run()
    expected = [f"from {seed}" for seed in seeds]
    assert len(set(seeds)) == 2
    assert [candidate.final_output for candidate in result.cases[0].generated_candidates] == expected
    assert expected[0] != expected[1]


def test_candidates_are_told_apart_by_index_when_their_ids_repeat() -> None:
    def script(case: Any, ctx: Any) -> GenerationResult:
        return GenerationResult(candidate_id="same", final_output=ctx.seed)

    result = experiment(ScriptedGenerator(script), samples=3, seeds=[1, 2, 3], datasets=ONE_CASE).run()
    assert [candidate.final_output for candidate in result.cases[0].generated_candidates] == [1, 2, 3]


def test_a_candidate_that_fails_makes_its_case_fail_and_the_others_are_kept() -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if ctx.seed == 2 else "x")
    metric = ScriptedMetric()
    result = experiment(generator, samples=3, seeds=[1, 2, 3], metrics=[metric], datasets=ONE_CASE).run()
    case = result.cases[0]
    assert [candidate.candidate_id for candidate in case.generated_candidates] == ["q0-1", "q0-3"]
    assert case.generation_failures["1"].message == "no"
    assert case.reduced_candidate is None
    assert metric.calls == []
    assert result.status == "failed"


def test_a_failed_candidate_is_generated_again_alone() -> None:
    broken = {2}
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if ctx.seed in broken else "x")
    lab, store = experiment(generator, samples=3, seeds=[1, 2, 3]), InMemoryRunStore()
    assert lab.run(store=store).status == "failed"
    generator.calls.clear()
    broken.clear()
    result = lab.run(store=store)
    assert result.status == "completed"
    assert sorted(generator.calls) == [("q0", 2), ("q1", 2), ("q2", 2)]
    case = result.cases[0]
    assert [candidate.candidate_id for candidate in case.generated_candidates] == ["q0-1", "q0-2", "q0-3"]
    assert case.generation_failures == {}


def test_everything_that_a_generator_returns_is_kept() -> None:
    made = GenerationResult(
        candidate_id="c",
        final_output={"text": "ü \u2028", "list": [1, 2.5, None, True]},
        trace=[TraceStep(step_name="s", step_type="tool", input={"a": 1}, output={"b": [1]}, metadata={"c": None})],
        conversation=[Message(role="user", content=["hello"])],
        artifacts={"provider_request_id": "r", "nested": {"x": [None]}},
        token_usage={"prompt_tokens": 3, "completion_tokens": 4},
        latency_ms=12.5,
    )
    result = experiment(ScriptedGenerator(lambda case, ctx: made), datasets=ONE_CASE).run()
    assert result.cases[0].generated_candidates == [made]


def test_the_generator_is_told_where_it_is() -> None:
    contexts: list[Any] = []
    prompt = PromptSpec(instructions="Be brief.")

    def script(case: Any, ctx: Any) -> str:
        contexts.append(ctx)
        return "x"

    result = experiment(ScriptedGenerator(script), prompt=prompt, seeds=[5], datasets=ONE_CASE).run()
    (context,) = contexts
    assert (context.run_id, context.case_id, context.dataset_id) == (result.run_id, "q0", "lab")
    assert (context.case_key, context.seed, context.prompt_spec) == ("3:lab:q0", 5, prompt)


@pytest.mark.parametrize("wrong", [NotAResult(), ParsedOutput(value=1)], ids=["nothing", "another's"])
def test_a_generator_that_returns_something_else_fails_its_case(wrong: Any) -> None:
    class Wrong(ScriptedGenerator):
        async def generate(self, case: Case, ctx: Any) -> Any:
            return wrong

    result = experiment(Wrong(), datasets=ONE_CASE).run()
    failure = result.cases[0].generation_failures["0"]
    assert failure.category == "generation_failure"
    assert failure.message == f"lab/generator returned {type(wrong).__name__} instead of a GenerationResult"


class MuteError(Exception):
    """An error that raises when it is asked what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.few(8)
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(""), "ValueError"),
        (ValueError("half \ud83d of it"), "half \\ud83d of it"),
        (ValueError("nul \x00 and bell \x07"), "nul \x00 and bell \x07"),
        (ValueError("line\nline"), "line\nline"),
        (ValueError("x" * 1_000_000), "x" * 1_000_000),
        (KeyError("k"), "KeyError: 'k' (lab.py:LINE in Scripted.answer)"),
        (MuteError(), "MuteError"),
        (ExceptionGroup("several", [ValueError("one"), TypeError("two")]), "several (2 sub-exceptions)"),
        (RecursionError("deep"), "RecursionError: deep (lab.py:LINE in Scripted.answer)"),
        (MemoryError(), "MemoryError"),
        (NotImplementedError(), "NotImplementedError (lab.py:LINE in Scripted.answer)"),
    ],
    ids=["empty", "surrogate", "control", "lines", "huge", "key", "mute", "group", "recursion", "memory", "unwritten"],
)
def test_whatever_a_component_raises_is_kept_as_data(kind: str, error: Exception, message: str, tmp_path: Any) -> None:
    store = sqlite_store(tmp_path / "s.sqlite3") if kind == "sqlite" else InMemoryRunStore()
    generator = ScriptedGenerator(lambda case, ctx: error if case.case_id == "q1" else "x")
    result = experiment(generator).run(store=store)
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)
    failure = result.cases[1].generation_failures["0"]
    said = re.sub(r"(?<=lab\.py:)\d+", "LINE", failure.message)
    assert (said, failure.error_type) == (message, type(error).__name__)
    assert score_rows(store, result)[1]["error_message"] == failure.message
    store.close()


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("kind", BASE)
def test_a_component_that_wants_to_end_the_process_fails_its_case(kind: type[BaseException], samples: int) -> None:
    generator = ScriptedGenerator(lambda case, ctx: kind() if case.case_id == "q1" else "x")
    result = experiment(generator, samples=samples).run()
    assert (result.status, result.progress.completed_cases) == ("partial_failure", 2)
    assert result.cases[1].generation_failures["0"].error_type == kind.__name__


@pytest.mark.few(12)
@pytest.mark.parametrize("kind", BASE)
@pytest.mark.parametrize("stage", ["selector", "reducer", "parser", "metric"])
@pytest.mark.parametrize("listened_to", [False, True])
def test_at_every_stage_whatever_a_component_raises_fails_its_case_alone(
    kind: type[BaseException], stage: str, listened_to: bool
) -> None:
    def answer(*said: Any) -> Any:
        text = str(said[0][0].final_output if isinstance(said[0], list) else said[0])
        return kind("no") if text == "a1" else {"selector": said[0], "metric": 1.0}.get(stage, text)

    choice: dict[str, dict[str, Any]] = {
        "selector": {"selector": selector(answer)},
        "reducer": {"reducer": reducer(answer)},
        "parser": {"parser": parser(answer)},
        "metric": {"metrics": [ScriptedMetric(answer)]},
    }
    result = experiment(**choice[stage]).run(subscribers=[object()] if listened_to else [])
    assert (result.status, result.progress.completed_cases) == ("partial_failure", 2)


# Not GeneratorExit: Python closes every coroutine that waits for a task that ended by it.
@pytest.mark.parametrize("kind", [kind for kind in BASE if kind is not GeneratorExit])
def test_a_task_of_a_component_that_wants_to_end_the_process_fails_its_case(kind: type[BaseException]) -> None:
    async def ask(case: Case) -> str:
        async def inner() -> str:
            await asyncio.sleep(0)
            if case.case_id == "q1":
                raise kind
            return "x"

        return await asyncio.create_task(inner())

    result = experiment(ScriptedGenerator(lambda case, ctx: ask(case))).run()
    assert (result.status, result.progress.completed_cases) == ("partial_failure", 2)
    assert kind.__name__ in result.cases[1].generation_failures["0"].error_type


def test_an_interrupt_that_a_signal_brought_into_a_component_ends_the_run() -> None:
    def interrupted(value: Any, case: Case) -> float:
        for _ in range(2):  # the first one has the run cancelled, when the event loop comes to it
            signal.raise_signal(signal.SIGINT)
        raise AssertionError

    store = InMemoryRunStore()
    lab = experiment(metrics=[ScriptedMetric(interrupted)])
    with pytest.raises(KeyboardInterrupt):
        lab.run(store=store)
    assert store.count_ends(lab.compile().run_id) == (0, 0)


def test_an_interrupt_cancels_what_a_model_is_asked() -> None:
    async def wait(case: Case) -> str:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        await asyncio.sleep(60)
        return "x"

    store = InMemoryRunStore()
    lab = experiment(ScriptedGenerator(lambda case, ctx: wait(case)))
    with pytest.raises(KeyboardInterrupt):
        lab.run(store=store)
    record = store.load_run(lab.compile().run_id)
    assert record is not None
    assert record.status == "cancelled"


def test_while_pythons_own_handler_is_there_every_interrupt_is_believed() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert came_from_signal(KeyboardInterrupt())


@pytest.mark.parametrize("samples", [1, 2])
def test_a_cancellation_that_nobody_asked_for_fails_its_case_and_loses_none(samples: int) -> None:
    generator = ScriptedGenerator(lambda case, ctx: asyncio.CancelledError("inner") if case.case_id == "q1" else "x")
    result = experiment(generator, samples=samples).run()
    assert result.status == "partial_failure"
    assert (result.progress.completed_cases, result.progress.failed_cases) == (2, 1)
    assert result.cases[1].generation_failures["0"].error_type == "CancelledError"


@pytest.mark.few(8)
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
@pytest.mark.parametrize(
    "output",
    ["half \ud83d", "nul \x00", "", None, {"": ""}, "@0123", '"quoted"', 10**30, -0.0, 1e308, ["\u2028"], "NaN"],
    ids=repr,
)
def test_any_output_comes_back_as_it_was(kind: str, output: Any, tmp_path: Any) -> None:
    store = sqlite_store(tmp_path / "s.sqlite3") if kind == "sqlite" else InMemoryRunStore()
    result = experiment(ScriptedGenerator(lambda case, ctx: output), metrics=[ScriptedMetric()]).run(store=store)
    assert result.status == "completed"
    case = result.cases[0]
    assert case.generated_candidates[0].final_output == output
    assert case.parsed_output is not None
    assert case.parsed_output.value == output
    store.close()


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


CARELESS: dict[str, Any] = {
    "nan": lambda good: good.model_copy(update={"final_output": float("nan")}),
    "nested infinity": lambda good: good.model_copy(update={"final_output": {"a": [float("inf")]}}),
    "an object": lambda good: good.model_copy(update={"final_output": object()}),
    "a huge number, unchecked": lambda good: good.model_copy(update={"final_output": 10**5000}),
    "a deep value, unchecked": lambda good: good.model_copy(update={"final_output": deep(5_000)}),
    "a value too deep to be read, unchecked": lambda good: good.model_copy(update={"final_output": deep(500)}),
    "an artifact": lambda good: good.model_copy(update={"artifacts": {"a": object()}}),
    "a huge number": lambda good: GenerationResult(candidate_id="c", final_output=10**5000),
    "a deep value": lambda good: GenerationResult(candidate_id="c", final_output=deep(300)),
    "a huge artifact": lambda good: GenerationResult(candidate_id="c", final_output="x", artifacts={"a": 10**5000}),
    "half a result": lambda good: GenerationResult.model_construct(candidate_id="c"),  # type: ignore[call-arg]
}


@pytest.mark.few(8)
@pytest.mark.parametrize("careless", CARELESS)
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_a_result_that_cannot_be_kept_fails_its_case_and_no_other(kind: str, careless: str, tmp_path: Any) -> None:
    store = sqlite_store(tmp_path / "s.sqlite3") if kind == "sqlite" else InMemoryRunStore()

    class Careless(ScriptedGenerator):
        async def generate(self, case: Case, ctx: Any) -> Any:
            good = GenerationResult(candidate_id="c", final_output="x")
            return CARELESS[careless](good) if case.case_id == "q1" else good

    result = experiment(Careless(), metrics=[ScriptedMetric()]).run(store=store)
    assert [case.case_id for case in result.cases] == ["q0", "q1", "q2"]
    assert len(score_rows(store, result)) == 3
    for case in (result.cases[0], result.cases[2]):
        assert case.generated_candidates[0].final_output == "x"
        assert len(case.scores) == 1
    store.close()


class Longer(GenerationResult):
    """A result with a field of the user's own."""

    mood: str = "cheerful"


def test_what_a_user_adds_to_a_result_does_no_harm() -> None:
    facts: dict[str, Any] = {"candidate_id": "c", "final_output": "x", "artifacts": {"note": "half \ud83d"}}
    generator = ScriptedGenerator(lambda case, ctx: Longer(**facts))
    result = experiment(generator, metrics=[ScriptedMetric()]).run()
    assert result.status == "completed"
    assert result.cases[0].generated_candidates == [GenerationResult(**facts)]


# --- selection and reduction -----------------------------------------------------------------------------------------


def run_with(
    kept: Any = None, reduced: Any = None, *, samples: int = 3, seeds: tuple[int, ...] = (1, 2, 3)
) -> RunResult:
    return experiment(
        ScriptedGenerator(seeded),
        samples=samples,
        seeds=seeds,
        selector=None if kept is None else selector(kept),
        reducer=None if reduced is None else reducer(reduced),
        metrics=[ScriptedMetric()],
        datasets=ONE_CASE,
    ).run()


def outputs(candidates: list[GenerationResult]) -> Any:
    return [candidate.final_output for candidate in candidates]


KEEP: dict[str, tuple[Any, list[str]]] = {
    "all": (lambda candidates: candidates, ["from 1", "from 2", "from 3"]),
    "one": (lambda candidates: candidates[1:2], ["from 2"]),
    "turned round": (lambda candidates: candidates[::-1], ["from 3", "from 2", "from 1"]),
    "a tuple": (lambda candidates: tuple(candidates[:2]), ["from 1", "from 2"]),
    "a copy": (lambda candidates: [candidates[2].model_copy()], ["from 3"]),
}


@pytest.mark.parametrize("kept", KEEP)
def test_a_selector_keeps_and_reorders(kept: str) -> None:
    keep, expected = KEEP[kept]
    result = run_with(keep, outputs)
    case = result.cases[0]
    assert case.reduced_candidate is not None
    assert case.reduced_candidate.final_output == expected
    assert len(case.generated_candidates) == 3


def test_a_selector_tells_equal_candidates_apart() -> None:
    def script(case: Any, ctx: Any) -> GenerationResult:
        return GenerationResult(candidate_id="same", final_output="same")

    store = InMemoryRunStore()
    result = experiment(
        ScriptedGenerator(script), samples=3, selector=selector(lambda found: [found[2]]), datasets=ONE_CASE
    ).run(store=store)
    kept = next(outcome for outcome in store.outcomes_between(result.run_id, 0, 1) if outcome.stage.name == "SELECT")
    assert kept.output == "[2]"


NO_CHOICE: dict[str, tuple[Any, str]] = {
    "none": (lambda candidates: [], "the selector kept no candidate"),
    "nothing": (lambda candidates: None, "the selector kept no candidate"),
    "a new one": (lambda candidates: [GenerationResult(candidate_id="new", final_output="y" * 10_000)], "not one of"),
    "an id": (lambda candidates: ["q0-1"], "not one of"),
    "a number": (lambda candidates: 1, "int"),
    "an error": (lambda candidates: ValueError("no idea"), "no idea"),
}


@pytest.mark.parametrize("kept", NO_CHOICE)
def test_a_selection_that_cannot_be_is_a_failure(kept: str) -> None:
    keep, message = NO_CHOICE[kept]
    case = run_with(keep).cases[0]
    assert case.reduction_error is not None
    assert case.reduction_error.stage == "selection"
    assert message in case.reduction_error.message
    assert len(case.reduction_error.message) < 1_000
    assert case.scores == []


def test_without_a_reducer_the_first_that_was_kept_passes() -> None:
    result = run_with(lambda candidates: candidates[::-1])
    assert result.cases[0].reduced_candidate == ReducedCandidate(
        candidate_id="q0-3", source_candidate_ids=["q0-3"], final_output="from 3"
    )


def test_without_selector_and_reducer_the_first_candidate_passes() -> None:
    result = run_with()
    assert result.cases[0].reduced_candidate == ReducedCandidate(
        candidate_id="q0-1", source_candidate_ids=["q0-1"], final_output="from 1"
    )


def test_a_reducer_makes_one_of_many_and_sees_all() -> None:
    result = run_with(None, lambda candidates: " & ".join(map(str, outputs(candidates))))
    reduced = result.cases[0].reduced_candidate
    assert reduced is not None
    assert reduced.final_output == "from 1 & from 2 & from 3"
    assert reduced.source_candidate_ids == ["q0-1", "q0-2", "q0-3"]


@pytest.mark.parametrize("wrong", [NotAResult(), ValueError("no")], ids=["wrong", "raises"])
def test_a_reducer_that_fails_is_a_reduction_failure(wrong: Any) -> None:
    class Wrong(ScriptedReducer):
        async def reduce(self, candidates: list[GenerationResult], ctx: Any) -> Any:
            return self.answer(candidates)

    result = experiment(reducer=Wrong(lambda candidates: wrong, component_id="lab/reducer"), datasets=ONE_CASE).run()
    failure = result.cases[0].reduction_error
    assert failure is not None
    assert (failure.stage, failure.category) == ("reduction", "reduction_failure")
    assert result.cases[0].scores == []


# --- parsing ---------------------------------------------------------------------------------------------------------


def test_without_a_parser_the_output_passes() -> None:
    result = experiment(ScriptedGenerator(lambda case, ctx: {"a": [1]}), metrics=[ScriptedMetric()]).run()
    assert result.cases[0].parsed_output == ParsedOutput(value={"a": [1]})


def test_a_parser_that_raises_is_a_parse_failure_and_never_a_zero() -> None:
    store, metric = InMemoryRunStore(), ScriptedMetric()
    result = experiment(parser=parser(lambda output: ValueError("unreadable")), metrics=[metric]).run(store=store)
    rows = score_rows(store, result)
    assert {(row["outcome"], row["value"], row["error_category"], row["error_message"]) for row in rows} == {
        ("error", None, "parse_failure", "unreadable")
    }
    assert metric_means(store, result) == {}
    assert metric.calls == []


def test_a_parser_that_returns_something_else_is_parse_invalid() -> None:
    store = InMemoryRunStore()
    result = experiment(parser=parser(lambda output: NotAResult()), datasets=ONE_CASE).run(store=store)
    assert result.cases[0].parse_error is not None
    assert result.cases[0].parse_error.message == "lab/parser returned NotAResult instead of a ParsedOutput"
    assert score_rows(store, result)[0]["error_category"] == "parse_invalid"


# --- scoring ---------------------------------------------------------------------------------------------------------


def test_a_score_error_is_no_score() -> None:
    store = InMemoryRunStore()
    refusal = ScoreError(metric_id="lab/metric", reason="no reference", retryable=True, details={"why": ["x"]})
    metric = ScriptedMetric(lambda value, case: refusal if case.case_id == "q1" else 0.5)
    result = experiment(metrics=[metric]).run(store=store)
    assert result.status == "partial_failure"
    assert metric_means(store, result) == {"lab/metric": 0.5}
    row = score_rows(store, result)[1]
    assert (row["outcome"], row["value"]) == ("error", None)
    assert (row["error_category"], row["error_message"]) == ("score_failure", "no reference")
    assert row["details"] == {"why": ["x"]}
    failure = result.cases[1].evaluation_failures["lab/metric"]
    assert (failure.error_type, failure.retryable) == ("ScoreError", True)


def test_one_metric_that_fails_leaves_the_others_their_scores() -> None:
    store = InMemoryRunStore()
    metrics = [
        ScriptedMetric(lambda value, case: ValueError("no"), component_id="lab/bad"),
        ScriptedMetric(lambda value, case: 0.25, component_id="lab/good"),
    ]
    result = experiment(metrics=metrics).run(store=store)
    assert metric_means(store, result) == {"lab/good": 0.25}
    assert result.cases[0].scores[1] == Score(metric_id="lab/good", value=0.25)
    error = result.cases[0].scores[0]
    assert isinstance(error, ScoreError)
    assert (error.metric_id, error.retryable, error.reason) == ("lab/bad", False, "no")
    assert list(result.cases[0].evaluation_failures) == ["lab/bad"]


@pytest.mark.parametrize(
    "wrong", [NotAResult(), float("nan"), float("inf"), "high", None], ids=["an object", "nan", "inf", "a text", "none"]
)
def test_a_metric_that_gives_no_finite_score_fails_its_case(wrong: Any) -> None:
    store = InMemoryRunStore()
    result = experiment(metrics=[ScriptedMetric(lambda value, case: wrong)], datasets=ONE_CASE).run(store=store)
    row = score_rows(store, result)[0]
    assert (row["outcome"], row["value"], row["error_category"]) == ("error", None, "score_failure")
    assert "\n" not in row["error_message"]
    assert "pydantic" not in row["error_message"]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_score_that_is_no_finite_number_is_refused_in_plain_words(value: str) -> None:
    good = Score(metric_id="lab/metric", value=1.0)
    for given in (float(value), good.model_copy(update={"value": float(value)})):
        result = experiment(metrics=[ScriptedMetric(lambda _, case, given=given: given)], datasets=ONE_CASE).run()
        message = result.cases[0].evaluation_failures["lab/metric"].message
        assert f"must be a finite number, not {value}; return a ScoreError where there is no score" in message


def test_what_a_component_fills_in_wrongly_is_said_in_one_line() -> None:
    facts: dict[str, Any] = {"candidat_id": "c", "final_output": {1}}
    generator = ScriptedGenerator(lambda case, ctx: GenerationResult(**facts))
    failure = experiment(generator, datasets=ONE_CASE).run().cases[0].generation_failures["0"]
    assert failure.message == (
        "GenerationResult: candidat_id: extra inputs are not permitted; candidate_id: is missing; "
        "final_output: a set is not JSON"
    )


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_a_score_changed_to_nan_behind_its_back_fails_its_case_and_no_other(kind: str, tmp_path: Any) -> None:
    store = sqlite_store(tmp_path / "s.sqlite3") if kind == "sqlite" else InMemoryRunStore()
    good = Score(metric_id="lab/metric", value=1.0)
    bad = good.model_copy(update={"value": float("nan")})
    metric = ScriptedMetric(lambda value, case: bad if case.case_id == "q1" else good)
    result = experiment(metrics=[metric]).run(store=store)
    assert result.status == "partial_failure"
    assert [row["outcome"] for row in score_rows(store, result)] == ["correct", "error", "correct"]
    store.close()


def test_a_score_is_named_by_its_metric_whatever_it_calls_itself() -> None:
    store = InMemoryRunStore()
    metric = ScriptedMetric(lambda value, case: Score(metric_id="other", value=1.0))
    result = experiment(metrics=[metric], datasets=ONE_CASE).run(store=store)
    assert metric_means(store, result) == {"lab/metric": 1.0}
    assert result.cases[0].scores[0].metric_id == "lab/metric"


def test_a_score_of_one_or_more_is_correct() -> None:
    store = InMemoryRunStore()
    values = {"q0": 1.0, "q1": 0.999, "q2": 1.5}
    result = experiment(metrics=[ScriptedMetric(lambda value, case: values[case.case_id])]).run(store=store)
    assert [row["outcome"] for row in score_rows(store, result)] == ["correct", "incorrect", "correct"]


def test_a_metric_sees_the_labels_of_its_dataset() -> None:
    seen: list[Any] = []

    class Looking(ScriptedMetric):
        def score(self, parsed: ParsedOutput, case: Case, ctx: Any) -> Any:
            seen.append((ctx.case, ctx.parsed_output, ctx.dataset_metadata, ctx.dataset_id, ctx.case_key))
            return Score(metric_id=self.component_id, value=1.0)

    labelled = Dataset(dataset_id="d", cases=[Case(case_id="c", input="i")], metadata={"language": "de"})
    experiment(metrics=[Looking()], datasets=[labelled]).run()
    assert seen == [(labelled.cases[0], ParsedOutput(value="i"), {"language": "de"}, "d", "1:d:c")]


def test_an_experiment_without_metrics_completes() -> None:
    result = experiment(metrics=[]).run()
    assert (result.status, result.completed_through_stage) == ("completed", "parse")
    assert result.progress.completed_cases == 3


# --- the run ---------------------------------------------------------------------------------------------------------


def test_when_every_case_fails_so_does_the_run() -> None:
    result = experiment(ScriptedGenerator(lambda case, ctx: ValueError("no"))).run()
    assert result.status == "failed"
    assert result.progress.failed_cases == result.progress.total_cases == 3
    assert result.progress.completed_cases == 0


def test_a_run_whose_every_case_has_an_answer_has_not_failed_whatever_its_metrics_did() -> None:
    broken = ScriptedMetric(lambda value, case: ValueError("no"))
    result = experiment(metrics=[broken]).run()
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 3)
    one_answer = ScriptedGenerator(lambda case, ctx: "x" if case.case_id == "q2" else ValueError("no"))
    assert experiment(one_answer, metrics=[broken]).run().status == "partial_failure"


def test_a_run_whose_answers_cannot_be_parsed_has_failed() -> None:
    assert experiment(parser=parser(lambda output: ValueError("no"))).run().status == "failed"


def test_when_some_cases_fail_the_run_says_so_and_goes_on() -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if case.case_id == "q0" else "x")
    result = experiment(generator).run()
    assert result.status == "partial_failure"
    assert (result.progress.completed_cases, result.progress.failed_cases) == (2, 1)
    assert len(generator.calls) == 3


def test_two_datasets_may_hold_the_same_case_id() -> None:
    def one(dataset_id: str, answer: str) -> Dataset:
        return Dataset(dataset_id=dataset_id, cases=[Case(case_id="same", input="q", expected_output=answer)])

    store = InMemoryRunStore()
    result = experiment(datasets=[one("a", "x"), one("bb", "y")]).run(store=store)
    assert [case.case_key for case in result.cases] == ["1:a:same", "2:bb:same"]
    assert [case.generated_candidates[0].final_output for case in result.cases] == ["x", "y"]
    assert [row["case_key"] for row in score_rows(store, result)] == ["1:a:same", "2:bb:same"]


def test_cases_come_back_in_the_order_of_their_dataset() -> None:
    async def answer(case: Any) -> Any:
        await asyncio.sleep(0.003 * (10 - int(case.case_id[1:])))
        return case.input

    result = experiment(ScriptedGenerator(lambda case, ctx: answer(case)), datasets=[dataset(10)]).run()
    assert [case.case_id for case in result.cases] == [f"q{no}" for no in range(10)]


HALVES: dict[str, Any] = {"\ud800": {"deep\udc00": ["\ud83d", {"\ud83d": None}]}, "whole": "é"}


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_half_a_character_is_kept_in_a_key_as_in_a_value(kind: str, tmp_path: Any) -> None:
    store = sqlite_store(tmp_path / "s.sqlite3") if kind == "sqlite" else InMemoryRunStore()
    made = GenerationResult(
        candidate_id="c",
        final_output=HALVES,
        trace=[TraceStep(step_name="s", step_type="t", output=HALVES, timestamp=datetime(2026, 1, 1, tzinfo=UTC))],
        artifacts=HALVES,
    )
    result = experiment(ScriptedGenerator(lambda case, ctx: made), datasets=ONE_CASE).run(store=store)
    assert result.status == "completed"
    assert result.cases[0].generated_candidates == [made]
    parsed = result.cases[0].parsed_output
    assert parsed is not None
    assert parsed.value == HALVES
    json.dumps(score_rows(store, result))
    Reporter(store).export_json(result.run_id).encode()
    Reporter(store).export_markdown(result.run_id).encode()
    store.close()


@pytest.mark.parametrize(("samples", "reducer", "said"), [(1, None, 0), (3, None, 1), (3, "builtin/majority_vote", 0)])
def test_candidates_that_nobody_reduces_are_told_once(
    samples: int, reducer: Any, said: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "themis.engine"):
        experiment(ScriptedGenerator(), samples=samples, reducer=reducer).run()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == said
    assert all("3 candidates per case and no reducer: only the first is scored" in message for message in messages)
