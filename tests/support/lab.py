"""Experiments made of components that do what a test tells them to, and count what they are asked."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from themis.core.config import (
    EvaluationConfig,
    GenerationConfig,
    RuntimeConfig,
    ScoreCandidates,
    StorageConfig,
    ViewConfig,
)
from themis.core.contexts import GenerateContext, ParseContext, ReduceContext, ScoreContext, SelectContext
from themis.core.dataset_config import DatasetGiven
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.prompts import PromptSpec
from themis.core.results import CaseResult, RunResult
from themis.core.stores import RunStore

Answer = Callable[..., Any]


class Scripted:
    """A component that answers as `script` does; an exception in place of an answer is raised.

    Attributes:
        calls: what it was asked, in order.
    """

    def __init__(self, script: Answer, *, component_id: str, fingerprint: str = "one") -> None:
        """Called `component_id`, with a fingerprint of the test's choice."""
        self.component_id = component_id
        self.version = "1"
        self.script = script
        self.calls: list[Any] = []
        self._fingerprint = fingerprint

    def fingerprint(self) -> str:
        return self._fingerprint

    def answer(self, *arguments: Any) -> Any:
        found = self.script(*arguments)
        if isinstance(found, BaseException):
            raise found
        return found


class ScriptedGenerator(Scripted):
    """A generator; its script takes case and context, and gives a final output, a whole result, or an exception."""

    def __init__(self, script: Answer = lambda case, ctx: case.input, **facts: Any) -> None:
        """Answers with the input unless told otherwise."""
        super().__init__(script, **{"component_id": "lab/generator", **facts})

    async def generate(self, case: Case, ctx: GenerateContext) -> Any:
        self.calls.append((case.case_id, ctx.seed))
        found = self.answer(case, ctx)
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, GenerationResult | NotAResult):
            return found
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=found)


class NotAResult:
    """What a component returns by mistake."""


class ScriptedSelector(Scripted):
    """A selector; its script takes the candidates."""

    async def select(self, candidates: list[GenerationResult], ctx: SelectContext) -> Any:
        self.calls.append(ctx.case_id)
        return self.answer(candidates)


class ScriptedReducer(Scripted):
    """A reducer; its script takes the candidates, and gives a final output, a whole result, or an exception."""

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> Any:
        self.calls.append(ctx.case_id)
        found = self.answer(candidates)
        if isinstance(found, ReducedCandidate | NotAResult):
            return found
        ids = [candidate.candidate_id for candidate in candidates]
        return ReducedCandidate(candidate_id=f"{ctx.case_id}-reduced", source_candidate_ids=ids, final_output=found)


class ScriptedParser(Scripted):
    """A parser; its script takes the candidate's output, and gives a value, a wrong thing, or an exception."""

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> Any:
        self.calls.append(ctx.case_id)
        found = self.answer(candidate.final_output)
        return found if isinstance(found, ParsedOutput | NotAResult) else ParsedOutput(value=found)


class ScriptedMetric(Scripted):
    """A metric; its script takes the parsed value and the case, and gives a number, a result, or an exception.

    Attributes:
        scores_no_answer: whether it is asked where nothing was parsed.
    """

    scores_no_answer = False

    def __init__(self, script: Answer = lambda value, case: 1.0, **facts: Any) -> None:
        """Scores 1 unless told otherwise."""
        super().__init__(script, **{"component_id": "lab/metric", **facts})

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Any:
        self.calls.append(case.case_id)
        found = self.answer(parsed.value, case)
        if isinstance(found, Score | ScoreError | NotAResult):
            return found
        return Score(metric_id=self.component_id, value=found)


def cases(count: int, *, first: int = 0) -> list[Case]:
    """So many cases, `q0` and on; what is expected is the input."""
    return [Case(case_id=f"q{no}", input=f"a{no}", expected_output=f"a{no}") for no in range(first, first + count)]


def dataset(count: int = 3, dataset_id: str = "lab") -> Dataset:
    """A dataset of `cases`."""
    return Dataset(dataset_id=dataset_id, cases=cases(count))


def experiment(
    generator: Any = "builtin/demo_generator",
    *,
    samples: int = 1,
    seeds: Sequence[int] = (),
    selector: Any = None,
    reducer: Any = None,
    parser: Any = None,
    metrics: Sequence[Any] = ("builtin/exact_match",),
    score_candidates: ScoreCandidates = "reduced",
    views: Mapping[str, Any] | None = None,
    datasets: Sequence[DatasetGiven] | None = None,
    prompt: PromptSpec | None = None,
    runtime: RuntimeConfig | None = None,
    path: Path | None = None,
) -> Experiment:
    """An experiment over three cases unless told otherwise; in memory, or in the SQLite file `path`."""
    storage = StorageConfig(store="memory")
    if path is not None:
        storage = StorageConfig(store="sqlite", parameters={"path": str(path)})
    return Experiment(
        generation=GenerationConfig(
            generator=generator,
            candidate_policy={"num_samples": samples} if samples > 1 else {},
            selector=selector,
            reducer=reducer,
            prompt_spec=prompt,
        ),
        evaluation=EvaluationConfig(
            metrics=list(metrics),
            parsers=[] if parser is None else [parser],
            score_candidates=score_candidates,
            views={name: ViewConfig(**view) for name, view in (views or {}).items()},
        ),
        storage=storage,
        runtime=runtime or RuntimeConfig(generation_retry_delay=0.0),
        datasets=[dataset()] if datasets is None else list(datasets),
        seeds=list(seeds),
    )


def scores_of(case: CaseResult) -> list[float]:
    """The values of a case's scores, in order; a metric that gave none is left out."""
    return [score.value for score in case.scores if isinstance(score, Score)]


def score_rows(store: RunStore, result: RunResult) -> list[dict[str, Any]]:
    """The rows of a run's score table."""
    rows: list[dict[str, Any]] = store.get_projection(result.run_id, "benchmark_result")["score_rows"]
    return rows


def metric_means(store: RunStore, result: RunResult) -> dict[str, float]:
    """The means of a run's score table."""
    means: dict[str, float] = store.get_projection(result.run_id, "benchmark_result")["metric_means"]
    return means
