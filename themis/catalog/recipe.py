"""Recipe of a benchmark: the keys of an experiment that put it to a model, and what this version lacks for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from themis.catalog.benchmark import Benchmark, Need
from themis.catalog.parser_reference import ids_in
from themis.core.builtins import BUILTINS
from themis.core.config import GenerationConfig
from themis.core.configuration.named_benchmark import ShownExamples
from themis.core.errors import BenchmarkNeedError

LABEL = "benchmark"
"""Label of a dataset: the benchmark that it is."""

_WORDS: dict[Need, str] = {
    "judge": "a judge",
    "sandbox": "a sandbox that runs code",
    "log_likelihood": "log-likelihoods of its choices",
}
_DEFAULT_REDUCER = "builtin/majority_vote"


def dataset_keys(benchmark: Benchmark) -> dict[str, Any]:
    """Return the keys of a dataset, but for the place of its cases."""
    dumped = benchmark.model_dump(mode="json", include={"fields", "choices", "filter", "shuffle_choices"})
    found = {"dataset_id": benchmark.benchmark_id, "metadata": {LABEL: benchmark.benchmark_id}}
    return {**found, **{name: value for name, value in dumped.items() if value not in (None, {})}}


def generation_keys(
    benchmark: Benchmark, examples: str | None = None, shown: ShownExamples | None = None
) -> dict[str, Any]:
    """Return the keys of `generation`, but for the generator.

    Args:
        benchmark: the benchmark.
        examples: the file of the examples in its prompt, in place of the split of its source.
        shown: what is changed about them.
    """
    found: dict[str, Any] = {}
    if benchmark.prompt is not None:
        prompt = found["prompt"] = benchmark.prompt.model_dump(mode="json", exclude_none=True, by_alias=True)
        if "few_shot" in prompt:
            changes = {} if shown is None else shown.model_dump(mode="json", exclude_none=True, by_alias=True)
            found["prompt"] = _with_examples(prompt, dataset_keys(benchmark), examples, changes)
    if benchmark.task != "generate":
        found["task"] = benchmark.task
    if benchmark.continuation is not None:
        found["continuation"] = benchmark.continuation
    if benchmark.samples > 1:
        found["candidate_policy"] = {"num_samples": benchmark.samples}
        found["selector" if benchmark.selector else "reducer"] = benchmark.selector or _DEFAULT_REDUCER
    return found


def _with_examples(
    prompt: dict[str, Any], dataset: Mapping[str, Any], examples: str | None, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a prompt whose examples are those of a file, or others, or shown in another way."""
    few_shot = {**prompt["few_shot"], **changes}
    if few_shot.get("as") != "text" and (introduction := few_shot.pop("introduction", None)) is not None:
        prompt = {"system": introduction, **prompt}
    if examples is not None:
        read = {name: dataset[name] for name in ("fields", "choices") if name in dataset}
        few_shot = {**read, **few_shot, "path": examples}
        few_shot.pop("split", None)
    return {**prompt, "few_shot": few_shot}


def evaluation_keys(benchmark: Benchmark) -> dict[str, Any]:
    """Return the keys of `evaluation`."""
    found: dict[str, Any] = {"metrics": list(benchmark.metrics)}
    if benchmark.parser is not None:
        found["parsers"] = [benchmark.parser]
    if benchmark.rubric is not None:
        found["workflow_overrides"] = {"rubric": benchmark.rubric}
    return found


def lacking(benchmark: Benchmark, given: Iterable[str] = ()) -> str | None:
    """Return what this version lacks for a recipe, in a sentence; None when nothing is missing.

    Args:
        benchmark: the benchmark.
        given: keys of the recipe that the user has replaced: `metrics`, `parsers`, `task`.
    """
    replaced = set(given)
    ids = [] if "metrics" in replaced else list(benchmark.metrics)
    ids += [] if benchmark.parser is None or "parsers" in replaced else list(ids_in(benchmark.parser))
    ids += [] if benchmark.selector is None or "selector" in replaced else [benchmark.selector]
    absent = [name for name in ids if name.startswith("builtin/") and name not in BUILTINS]
    if benchmark.task != "generate" and "task" not in replaced and "task" not in GenerationConfig.model_fields:
        return "generation.task is not part of this version of Themis"
    if absent:
        verb = "are" if len(absent) > 1 else "is"
        return f"{', '.join(absent)} {verb} not part of this version of Themis"
    return None


def needs_in_words(benchmark: Benchmark) -> str:
    """Return what a recipe asks for beside a model, such as `a judge`."""
    return " and ".join(_WORDS[need] for need in benchmark.needs) or "a later version"


def require_examples(
    benchmark: Benchmark, examples: str | None, shown: ShownExamples | None = None, *, has_splits: bool
) -> None:
    """Refuse a recipe whose examples are nowhere, and examples that its prompt does not show.

    Args:
        benchmark: the benchmark.
        examples: the file of the examples.
        shown: what is changed about them.
        has_splits: whether its cases come from its source, which has the split of the examples too.

    Raises:
        BenchmarkNeedError: one of that is so.
    """
    few_shot = benchmark.prompt.few_shot if benchmark.prompt is not None else None
    if few_shot is None and (examples is not None or shown is not None):
        detail = f"its prompt shows none: leave `{'few_shot' if examples is None else 'examples'}` out"
        if with_some := next((name for name in benchmark.variant_names if name.endswith("_shot")), None):
            detail += f", or name a variant that shows some, such as {benchmark.benchmark_id}:{with_some}"
        raise BenchmarkNeedError(benchmark=benchmark.benchmark_id, need="no examples", detail=detail)
    if few_shot is not None and examples is None and not has_splits:
        need = f"{few_shot.k} examples"
        detail = (
            f"its prompt shows those of the split {few_shot.split}: give the file that has them as `examples` "
            "(--examples on the command line), or a prompt of your own"
        )
        raise BenchmarkNeedError(benchmark=benchmark.benchmark_id, need=need, detail=detail)


def require(benchmark: Benchmark, evaluation: Mapping[str, Any], generation: Mapping[str, Any]) -> None:
    """Refuse a recipe that this version cannot carry out, or that lacks its judge, with the keys that a user gave.

    Raises:
        BenchmarkNeedError: something is missing.
    """
    missing = lacking(benchmark, [*evaluation, *generation])
    if missing is not None:
        detail = f"{missing}; give evaluation.metrics of your own, or use a version that has it"
        raise BenchmarkNeedError(benchmark=benchmark.benchmark_id, need=needs_in_words(benchmark), detail=detail)
    if "judge" in benchmark.needs and "metrics" not in evaluation and not evaluation.get("judge_models"):
        detail = "name the models that judge in evaluation.judge_models of a config file"
        raise BenchmarkNeedError(benchmark=benchmark.benchmark_id, need=needs_in_words(benchmark), detail=detail)
