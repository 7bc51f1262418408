"""A named benchmark run in this process."""

from typing import Any

from themis.catalog.files import runnable_benchmark
from themis.core.config import StorageConfig
from themis.core.results import RunResult
from themis.core.stores import RunStore


def run(name: str, *, model: Any = None, store: RunStore | None = None) -> RunResult:
    """Put a benchmark to a model, and return the result.

    Args:
        name: of the benchmark, with its variant after a colon.
        model: the generator, as in an experiment; without it `builtin/demo_generator`.
        store: where results are kept; without it in memory.

    Raises:
        UnknownBenchmarkError: there is no such benchmark, or variant.
        BenchmarkNeedError: the recipe needs something that this version does not have.
        BenchmarkSourceError: this version cannot load its cases.
    """
    experiment = runnable_benchmark(name).build_experiment(model=model, storage=StorageConfig(store="memory"))
    return experiment.run(store=store)
