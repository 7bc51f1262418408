"""Benchmarks named in a configuration. The catalog that knows them is above the core, which only knows where it is."""

from importlib import import_module
from typing import Any

_CATALOG = "themis.catalog.presets"
BENCHMARK = "benchmark"
"""Key of a dataset that names a benchmark."""


def with_benchmarks(raw: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return a configuration in which each dataset that names a benchmark is spelled out.

    Raises:
        ConfigError: there is no such benchmark, or it cannot be run with this configuration.
    """
    datasets = raw.get("datasets")
    if not isinstance(datasets, list) or not any(isinstance(spec, dict) and BENCHMARK in spec for spec in datasets):
        return raw
    spelled_out: dict[str, Any] = import_module(_CATALOG).with_benchmarks(raw, where)
    return spelled_out
