"""A named benchmark run in this process."""

from typing import Any

from themis.catalog.files import runnable_benchmark
from themis.core.config import StorageConfig
from themis.core.engine.run_options import RunProgress
from themis.core.experiment import Experiment
from themis.core.results import RunResult
from themis.core.stores import RunStore


def run(
    name: str, *, model: Any = None, store: RunStore | None = None, progress: RunProgress | bool | None = None
) -> RunResult:
    """Put a benchmark to a model, and return the result.

    Args:
        name: of the benchmark, with its variant after a colon.
        model: the generator, as in an experiment; without it `builtin/demo_generator`.
        store: where results are kept; without it in memory.
        progress: True to show it, as `Experiment.run` does.

    Raises:
        UnknownBenchmarkError: there is no such benchmark, or variant.
        BenchmarkNeedError: the recipe needs something that this version does not have.
        BenchmarkSourceError: this version cannot load its cases.
        RunningLoopError: there is a running event loop, and this is not a cell of a notebook.
    """
    return _experiment(name, model).run(store=store, progress=progress)


async def run_async(
    name: str, *, model: Any = None, store: RunStore | None = None, progress: RunProgress | bool | None = None
) -> RunResult:
    """Put a benchmark to a model, and return the result: the asynchronous form of `run`."""
    return await _experiment(name, model).run_async(store=store, progress=progress)


def _experiment(name: str, model: Any) -> Experiment:
    return runnable_benchmark(name).build_experiment(model=model, storage=StorageConfig(store="memory"))
