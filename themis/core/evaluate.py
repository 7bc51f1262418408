"""One call from model, data and metric to a result."""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from os import PathLike
from typing import Any, ParamSpec

from themis.core.config import (
    EvaluationConfig,
    GenerationConfig,
    RuntimeConfig,
    StorageConfig,
    Task,
)
from themis.core.configuration.config_file import validate
from themis.core.data_frames.reading import Frame, is_frame
from themis.core.dataset_config import DatasetGiven
from themis.core.dataset_inputs import dataset_from_cases
from themis.core.engine.calls.blocking import refuse_running_loop, run_to_end
from themis.core.engine.run_options import RunProgress
from themis.core.errors import InvalidArgumentError
from themis.core.experiment import Experiment
from themis.core.models import Case
from themis.core.protocols import TracingProvider
from themis.core.results import RunResult
from themis.core.stores import RunStore
from themis.core.text.nearest import nearest_hint

Data = DatasetGiven | Sequence[DatasetGiven] | Iterable[Case | Mapping[str, Any]] | Frame
P = ParamSpec("P")


_FILE_HINT = "; dataset_from_jsonl(…), of themis.core.dataset_inputs, reads a file"
_called: ContextVar[str] = ContextVar("_called", default="evaluate_async")
"""Name of the function that was called, for messages."""


def _blocking(function: Callable[P, Coroutine[Any, Any, RunResult]]) -> Callable[P, RunResult]:
    """Return the blocking form of an async function; inside a running event loop it raises RunningLoopError."""
    name = function.__name__.removesuffix("_async")
    signature = inspect.signature(function)

    @wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> RunResult:
        _check_call(name, signature, arguments, keywords)
        refuse_running_loop(name)
        called = _called.set(name)
        try:
            return run_to_end(function(*arguments, **keywords))
        finally:
            _called.reset(called)

    run.__name__ = run.__qualname__ = name
    return run


def _check_call(name: str, signature: inspect.Signature, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Raise TypeError for a call of the function `name` that does not fit; Python would name the asynchronous form."""
    unknown = next((keyword for keyword in keywords if keyword not in signature.parameters), None)
    if unknown is not None:
        msg = f"{name}() has no argument {unknown!r}{nearest_hint(unknown, signature.parameters)}"
        raise TypeError(msg)
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        msg = f"{name}() {error}"
        raise TypeError(msg) from None


async def evaluate_async(  # noqa: PLR0913  # one argument for each part of an experiment
    model: Any,
    data: Data,
    metric: Any,
    *,
    parser: Any = None,
    judge: Any = None,
    task: Task = "generate",
    continuation: str | None = None,
    samples: int = 1,
    limit: int | None = None,
    reducer: Any = None,
    storage: StorageConfig | None = None,
    runtime: RuntimeConfig | None = None,
    seeds: list[int] | None = None,
    workflow_overrides: dict[str, Any] | None = None,
    judge_config: dict[str, Any] | None = None,
    environment_metadata: dict[str, str] | None = None,
    themis_version: str | None = None,
    python_version: str | None = None,
    platform: str | None = None,
    store: RunStore | None = None,
    subscribers: Iterable[Any] | None = None,
    tracing_provider: TracingProvider | None = None,
    progress: RunProgress | bool | None = None,
) -> RunResult:
    """Run an experiment that is given as arguments.

    Args:
        model: the generator.
        data: a dataset, datasets, or mappings with `input` and perhaps `case_id`, `expected_output`, `metadata`;
            mappings become the dataset `inline`, as do the rows of a pandas DataFrame with such columns, see
            `dataset_from_cases`.
        metric: one metric or a list.
        parser: one, or none.
        judge: one, a list, or none.
        task: `generate` asks for an answer; `continuations` for the log-likelihoods of the choices of each case, or of
            its expected output, and there is nothing to parse or to reduce then.
        continuation: template of a continuation, with the name `choice`; a blank and the choice when not given.
        samples: candidates of each case.
        limit: no more than the first so many cases of each dataset; see `Experiment.narrowed`.
        reducer: combines them into one; when not given `builtin/majority_vote`, or nothing for continuations.
        storage: the store for the results; in memory when not given.
        runtime: limits and retries.
        seeds: one for each candidate, or none.
        workflow_overrides: for metrics that ask a judge.
        judge_config: for metrics that ask a judge.
        environment_metadata: labels stored with the run.
        themis_version: stored with the run instead of the installed version; it decides nothing, nor do the next two.
        python_version: the same.
        platform: the same.
        store: used instead of the one that `storage` names.
        subscribers: notified of the run's events.
        tracing_provider: receives spans.
        progress: True to show it, below the cell in a notebook and else on standard error.

    Raises:
        InputError: an argument does not fit.
        TypeError: there is no such argument, or one is missing.
        RunningLoopError: the blocking form was called within a running event loop, and not in a cell of a notebook.
    """
    named = {"themis_version": themis_version, "python_version": python_version, "platform": platform}
    given: dict[str, Any] = {name: text for name, text in named.items() if text is not None}
    _check_kinds(storage, store, seeds)
    experiment = Experiment(
        generation=_generation(model, samples, reducer, task, continuation),
        evaluation=_evaluation(metric, parser, judge, judge_config, workflow_overrides),
        storage=storage or StorageConfig(store="memory"),
        runtime=runtime or RuntimeConfig(),
        datasets=_datasets(data),
        seeds=seeds or [],
        environment_metadata=environment_metadata or {},
        **given,
    )
    if limit is not None:
        experiment = experiment.narrowed(limit=limit)
    return await experiment.run_async(
        store=store, subscribers=subscribers, tracing_provider=tracing_provider, progress=progress
    )


def _check_kinds(storage: object, store: object, seeds: object) -> None:
    """Raise InvalidArgumentError for a path in place of a store, or one seed in place of a list."""
    for argument, value in (("storage", storage), ("store", store)):
        if isinstance(value, str | PathLike):
            detail = f"must be a store, not a path; write store=sqlite_store({str(value)!r})"
            raise InvalidArgumentError(argument=argument, detail=detail)
    if isinstance(seeds, int):
        raise InvalidArgumentError(argument="seeds", detail=f"must be a list, not {seeds}; write [{seeds}]")


def _generation(model: Any, samples: int, reducer: Any, task: Task, continuation: str | None) -> GenerationConfig:
    """Return the part of an experiment that asks the model; a vote is only usual where there are answers."""
    raw = {
        "generator": model,
        "candidate_policy": {"num_samples": samples},
        "reducer": reducer if reducer is not None or task == "continuations" else "builtin/majority_vote",
        "task": task,
        "continuation": continuation,
    }
    return validate(GenerationConfig, raw, where=_called.get())


def _evaluation(
    metric: Any, parser: Any, judge: Any, judge_config: dict[str, Any] | None, overrides: dict[str, Any] | None
) -> EvaluationConfig:
    """Return the part of an experiment that parses, scores and judges."""
    raw = {
        "metrics": _as_list(metric),
        "parsers": _as_list(parser),
        "judge_models": _as_list(judge),
        "judge_config": judge_config or {},
        "workflow_overrides": overrides or {},
    }
    return validate(EvaluationConfig, raw, where=_called.get())


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _datasets(data: Any) -> list[DatasetGiven]:
    if isinstance(data, DatasetGiven):
        return [data]
    if is_frame(data):
        return [dataset_from_cases(data)]
    if method := next((name for name in ("to_dicts", "to_pylist") if hasattr(data, name)), None):
        kind = f"{type(data).__module__.partition('.')[0]} {type(data).__name__}"
        raise InvalidArgumentError(argument="data", detail=f"is a {kind}; give its rows, as in data.{method}()")
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise InvalidArgumentError(
            argument="data",
            detail="must be a Dataset, datasets, or mappings with an `input` each, or a pandas DataFrame"
            f"{_FILE_HINT if isinstance(data, str | PathLike) else ''}",
        )
    items = list(data)
    if any(is_frame(item) for item in items):
        raise InvalidArgumentError(
            argument="data",
            detail="has a DataFrame in a list; give it alone, or make each one a Dataset by dataset_from_cases",
        )
    if items and all(isinstance(item, DatasetGiven) for item in items):
        return items
    return [dataset_from_cases(items)]


evaluate = _blocking(evaluate_async)
"""Blocking form of `evaluate_async`; inside a running event loop it raises RunningLoopError."""
