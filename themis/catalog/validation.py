"""Check of a benchmark on its sample: its cases, its prompt, its parser and its metrics."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from themis.catalog.definition import BenchmarkDefinition
from themis.catalog.facts import SampleAnswer
from themis.catalog.files import get_benchmark
from themis.catalog.recipe import lacking, needs_in_words
from themis.core.base import FrozenModel, JSONValue
from themis.core.components.resolution import METRIC, PARSER, load_component
from themis.core.contexts import ParseContext, ScoreContext
from themis.core.errors import ThemisError
from themis.core.models import Case, Dataset, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.prompting.rendering import Prompter
from themis.core.stores import InMemoryRunStore

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_RUN = "catalog-validate"
_HALF = 0.5
"""A score of the demo generator, which finds right choices likely, is more: 1, or a probability."""


class ValidationCheck(FrozenModel):
    """One check: `passed`, `failed` or `skipped`, and why."""

    status: str
    message: str | None = None


class BenchmarkValidation(FrozenModel):
    """The checks of a benchmark.

    Attributes:
        benchmark_id: its name.
        checks: `load` (its data file), `materialize` (cases of the sample), `prompt` (rendered for each), `score_smoke`
            (answers of the sample, parsed and scored).
        unverified: facts about it that nobody has looked up.
    """

    benchmark_id: str
    checks: dict[str, ValidationCheck]
    unverified: list[str] = Field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.status != FAILED for check in self.checks.values())


def validate_benchmark(name: str) -> BenchmarkValidation:
    """Check a benchmark, or a variant, on the sample that is shipped with it; nothing is downloaded, no model asked.

    Raises:
        UnknownBenchmarkError: there is no such benchmark, or variant.
    """
    benchmark = get_benchmark(name)
    checks = {"load": ValidationCheck(status=PASSED)}
    dataset: Dataset | None = None

    def materialize() -> str | None:
        nonlocal dataset
        dataset = benchmark.materialize_dataset(lambda _source: benchmark.sample.rows)
        return None if dataset.cases else "the sample has no case that the filter keeps"

    checks["materialize"] = _checked(materialize)
    made = dataset
    if made is None or checks["materialize"].status == FAILED:
        later = ValidationCheck(status=SKIPPED, message="the sample has no cases")
        checks |= {"prompt": later, "score_smoke": later}
    else:
        checks["prompt"] = _checked(lambda: _prompt_fault(benchmark, made))
        checks["score_smoke"] = _checked(lambda: _answer_fault(benchmark, made))
        missing = _unscored(benchmark)
        if missing is not None and checks["score_smoke"].status == PASSED:
            message = f"not scored: needs {needs_in_words(benchmark)}; {missing}"
            checks["score_smoke"] = ValidationCheck(status=SKIPPED, message=message)
    return BenchmarkValidation(benchmark_id=benchmark.benchmark_id, checks=checks, unverified=benchmark.unverified)


def _unscored(benchmark: BenchmarkDefinition) -> str | None:
    """Return why sample answers cannot be scored; None when they can."""
    missing = lacking(benchmark)
    return "its user names one" if missing is None and "judge" in benchmark.needs else missing


def _checked(fault: Callable[[], str | None]) -> ValidationCheck:
    try:
        found = fault()
    except ThemisError as error:
        found = str(error)
    return ValidationCheck(status=PASSED if found is None else FAILED, message=found)


def rendered_prompts(benchmark: BenchmarkDefinition, dataset: Dataset) -> list[JSONValue]:
    """Return what a model is asked about each case."""
    if benchmark.prompt is None:
        return [case.input for case in dataset.cases]
    prompter = Prompter(benchmark.sample_prompt())
    return [prompter.rendered(case) for case in dataset.cases]


def _prompt_fault(benchmark: BenchmarkDefinition, dataset: Dataset) -> str | None:
    blank = [
        case.case_id for case, text in zip(dataset.cases, rendered_prompts(benchmark, dataset), strict=True) if not text
    ]
    return f"case {blank[0]}: the prompt is empty" if blank else None


def scored_answer(benchmark: BenchmarkDefinition, case: Case, text: JSONValue) -> tuple[JSONValue, float | None]:
    """Return what is parsed from an answer to a case, and its score; None where nothing here can score it.

    Raises:
        ComponentError: a component of the recipe cannot be loaded.
    """
    candidate = ReducedCandidate(candidate_id=_RUN, final_output=text)
    parsed = ParsedOutput(value=text)
    if benchmark.parser is not None:
        parser = load_component(benchmark.parser, PARSER, where="parser").live
        parsed = parser.parse(candidate, ParseContext(run_id=_RUN, case_id=case.case_id))
    if _unscored(benchmark) is not None:
        return parsed.value, None
    return parsed.value, _score(benchmark.metrics[0], parsed, case)


def _score(metric_id: str, parsed: ParsedOutput, case: Case) -> float | None:
    if parsed.value is None:
        return 0.0  # no answer is a wrong one
    metric: Any = load_component(metric_id, METRIC, where="metrics").live
    score = metric.score(parsed, case, ScoreContext(run_id=_RUN, case=case, parsed_output=parsed))
    return None if isinstance(score, ScoreError) else float(score.value)


def _answer_fault(benchmark: BenchmarkDefinition, dataset: Dataset) -> str | None:
    if benchmark.task != "generate":  # no text to parse: the demo generator knows which choice is the right one
        return None if lacking(benchmark) is not None else _run_fault(benchmark, dataset)
    for answer in benchmark.sample.answers:
        if answer.row >= len(dataset.cases):
            return f"the sample has no case {answer.row}"
        fault = _fault_of(benchmark, dataset.cases[answer.row], answer)
        if fault is not None:
            return fault
    return None if benchmark.sample.answers else "the sample has no answers"


def _run_fault(benchmark: BenchmarkDefinition, dataset: Dataset) -> str | None:
    prompt = benchmark.prompt
    if prompt is not None:  # the demo generator is not helped by examples
        benchmark = benchmark.model_copy(update={"prompt": prompt.model_copy(update={"few_shot": None})})
    result = benchmark.build_experiment(dataset=dataset).run(store=InMemoryRunStore())
    for case in result.cases:
        values = [score.value for score in case.scores if isinstance(score, Score)]
        if len(values) < len(benchmark.metrics) or min(values) <= _HALF:
            return f"case {case.case_id}: the scores of the right choice are {values}"
    return None


def _fault_of(benchmark: BenchmarkDefinition, case: Case, answer: SampleAnswer) -> str | None:
    value, score = scored_answer(benchmark, case, answer.text)
    if value != answer.value:
        return f"case {case.case_id}: {value!r} is parsed where {answer.value!r} is expected"
    if score != answer.score and lacking(benchmark) is None:
        return f"case {case.case_id}: the score is {score}, and {answer.score} is expected"
    return None
