"""Benchmarks named in a config file: what the file leaves open is taken from their recipes."""

from collections.abc import Set as AbstractSet
from typing import Any

from themis.catalog.definition import BenchmarkDefinition
from themis.catalog.files import runnable_benchmark
from themis.catalog.hub import hub_keys
from themis.catalog.recipe import dataset_keys, evaluation_keys, generation_keys, require, require_examples
from themis.core.configuration.benchmarks import BENCHMARK
from themis.core.configuration.config_file import validate
from themis.core.configuration.named_benchmark import NamedBenchmark
from themis.core.errors import CatalogError, ConfigError

_MERGED = ("filter", "metadata")
_PROMPTS = {"prompt", "prompt_spec"}
_NAMED_ONLY = {BENCHMARK, "examples", "few_shot"}


def with_benchmarks(raw: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a configuration in which each dataset that names a benchmark is spelled out.

    The keys of `generation` and `evaluation` that the recipes set are added, unless the configuration has them.

    Raises:
        ConfigError: there is no such benchmark, it needs something that is missing, or two recipes contradict.
    """
    datasets = list(raw["datasets"])
    generation, evaluation = (_mapping(raw, key, where) for key in ("generation", "evaluation"))
    found: list[BenchmarkDefinition] = []
    asked: list[dict[str, Any]] = []
    prompts = _PROMPTS if _PROMPTS & generation.keys() else set()
    for place, spec in enumerate(datasets):
        if not isinstance(spec, dict) or BENCHMARK not in spec:
            continue
        here = f"{where}: datasets.{place}"
        named = validate(NamedBenchmark, spec, where=here)
        try:
            benchmark = runnable_benchmark(named.benchmark)
            require(benchmark, evaluation, generation)
            if not prompts:
                require_examples(benchmark, named.examples, named.few_shot, has_splits=named.path is None)
            datasets[place] = _spelled_out(benchmark, spec)
        except CatalogError as error:
            raise ConfigError(where=here, detail=str(error)) from None
        found.append(benchmark)
        asked.append(generation_keys(benchmark, named.examples, named.few_shot))
    if not prompts:
        _refuse_mixed_examples(found, asked, where)
    scored = [evaluation_keys(benchmark) for benchmark in found]
    if "metrics" in evaluation:  # which have their own rubric, if any
        scored = [{name: value for name, value in keys.items() if name != "workflow_overrides"} for keys in scored]
    generation = {**_common(found, asked, generation.keys() | prompts, where), **generation}
    evaluation = {**_common(found, scored, evaluation.keys(), where), **evaluation}
    return {**raw, "generation": generation, "evaluation": evaluation, "datasets": datasets}


def _mapping(raw: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = raw.get(key)
    if value is not None and not isinstance(value, dict):
        raise ConfigError(where=where, detail=f"{key}: must be a mapping of keys")
    return dict(value or {})


def _spelled_out(benchmark: BenchmarkDefinition, spec: dict[str, Any]) -> dict[str, Any]:
    keys, own = dataset_keys(benchmark), {name: value for name, value in spec.items() if name not in _NAMED_ONLY}
    if own.get("path") is None:
        keys |= hub_keys(benchmark, own.pop("revision", None))
        own.pop("path", None)
    merged = {key: {**keys.get(key, {}), **own[key]} for key in _MERGED if isinstance(own.get(key), dict)}
    return {**keys, **own, **merged}


def _refuse_mixed_examples(found: list[BenchmarkDefinition], asked: list[dict[str, Any]], where: str) -> None:
    """Refuse benchmarks of different sources that show examples of a split: all would show those of the first."""
    shows = [
        one for one, keys in zip(found, asked, strict=True) if "split" in keys.get("prompt", {}).get("few_shot", {})
    ]
    if len({(one.source.hub, one.source.config) for one in shows}) > 1:
        ids = " and ".join(one.benchmark_id for one in shows)
        detail = f"datasets: {ids} show examples of their own sources, and an experiment has one prompt"
        raise ConfigError(where=where, detail=f"{detail}; make an experiment for each")


def _common(
    found: list[BenchmarkDefinition],
    keys_of: list[dict[str, Any]],
    given: AbstractSet[str],
    where: str,
) -> dict[str, Any]:
    """Return the keys that the recipes set, but for those that are given, about which they need not agree."""
    keys = [{name: value for name, value in of_one.items() if name not in given} for of_one in keys_of]
    for name in sorted({name for one in keys for name in one}):
        if any(one.get(name) != keys[0].get(name) for one in keys):
            ids = " and ".join(one.benchmark_id for one in found)
            detail = f"datasets: {ids} differ in their {name}; give it yourself, or make an experiment for each"
            raise ConfigError(where=where, detail=detail)
    return keys[0] if keys else {}
