"""Benchmarks on the Hugging Face hub: the place that connects the catalog to the loader of its splits."""

from typing import Any

from themis.catalog.benchmark import Benchmark
from themis.core.config import ExperimentConfig
from themis.core.errors import BenchmarkSourceError


def hub_keys(benchmark: Benchmark, revision: str | None = None) -> dict[str, Any]:
    """Return the keys of a dataset that say where a benchmark's cases are; `revision` replaces the one of its source.

    Raises:
        BenchmarkSourceError: this version does not load them; the message says which file to download.
    """
    source = benchmark.source
    if source.hub is None or source.files:
        what = f"its cases are in a file that is not a split of the hub: {source.title}"
    elif _loads_splits():
        place = {
            "name": source.hub,
            "config": source.config,
            "split": source.split,
            "revision": revision or source.revision,
        }
        return {"huggingface": {name: value for name, value in place.items() if value is not None}}
    else:
        what = f"its cases are on the Hugging Face hub ({source.title}), which this version cannot load"
    detail = f"{what}; download it, and give the file as `path` (--path on the command line)"
    raise BenchmarkSourceError(benchmark=benchmark.benchmark_id, detail=detail)


def _loads_splits() -> bool:
    """Whether a dataset of an experiment may be a split of the hub."""
    definitions = ExperimentConfig.model_json_schema()["$defs"].values()
    return any("huggingface" in definition.get("properties", {}) for definition in definitions)
