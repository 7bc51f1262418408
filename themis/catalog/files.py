"""Data files of the catalog: one benchmark each, read when it is named."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from themis.catalog.benchmark import VariantGroup
from themis.catalog.definition import BenchmarkDefinition
from themis.core.configuration.config_file import validate
from themis.core.configuration.yaml_text import parse_yaml
from themis.core.errors import UnknownBenchmarkError, UnknownVariantError, VariantNeededError
from themis.core.text.nearest import nearest_hint

FOLDER = Path(__file__).parent / "benchmarks"
_SEE_ALL = "`themis catalog list` shows all"
_MERGED = ("source", "filter")


def list_benchmark_ids() -> list[str]:
    """Return the names of all benchmarks, without their variants."""
    return sorted(_files())


def list_benchmarks() -> list[BenchmarkDefinition]:
    """Return all benchmarks, by name."""
    return [_read(name) for name in list_benchmark_ids()]


def all_names(benchmark: BenchmarkDefinition) -> list[str]:
    """Return every name by which a benchmark can be run: its own, and those of its variants."""
    own = [] if benchmark.variant_needed else [benchmark.benchmark_id]
    return [*own, *(f"{benchmark.benchmark_id}:{name}" for name in benchmark.variant_names)]


def get_benchmark(name: str) -> BenchmarkDefinition:
    """Return the benchmark, or the variant, with a name such as `gsm8k` or `arc:challenge`.

    Raises:
        UnknownBenchmarkError: there is no such benchmark; the message names the nearest.
        UnknownVariantError: it has no such variant; the message names the nearest.
    """
    base, colon, variant = name.partition(":")
    if base not in _files():
        raise UnknownBenchmarkError(benchmark=name, nearest=nearest_hint(base, _files(), then=_SEE_ALL))
    found = _read(base)
    return _variant(found, variant) if colon else found


def runnable_benchmark(name: str) -> BenchmarkDefinition:
    """Return the benchmark with a name, which may not leave out a variant that is needed.

    Raises:
        UnknownBenchmarkError: there is no such benchmark, or variant.
        VariantNeededError: only its variants can be run.
    """
    found = get_benchmark(name)
    if found.variant_needed:
        raise VariantNeededError(benchmark=name, example=f"{name}:{found.variant_names[0]}")
    return found


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*/*.yaml"))}


@lru_cache(maxsize=128)
def _raw(name: str) -> dict[str, Any]:
    path = _files()[name]
    document: dict[str, Any] = parse_yaml(path.read_text(encoding="utf-8"), where=str(path))
    return document


@lru_cache(maxsize=128)
def _read(name: str) -> BenchmarkDefinition:
    return validate(BenchmarkDefinition, {**_raw(name), "benchmark_id": name}, where=str(_files()[name]))


def _variant(benchmark: BenchmarkDefinition, variant: str) -> BenchmarkDefinition:
    group = next((group for group in benchmark.variants if variant in group.names), None)
    if group is None:
        names = benchmark.variant_names if benchmark.variants else ()
        hint = nearest_hint(variant, names, then=f"`themis catalog show {benchmark.benchmark_id}` lists them")
        raise UnknownVariantError(benchmark=benchmark.benchmark_id, variant=variant, nearest=hint)
    return _changed(benchmark.benchmark_id, group, variant) if group.same_as is None else get_benchmark(group.same_as)


def _changed(name: str, group: VariantGroup, variant: str) -> BenchmarkDefinition:
    raw = {key: value for key, value in _raw(name).items() if key not in {"variants", "variant_needed"}}
    for key, value in _filled(group.changes, variant.removesuffix(group.suffix)).items():
        raw[key] = {**(raw.get(key) or {}), **value} if key in _MERGED else value
    found = {**raw, "benchmark_id": f"{name}:{variant}"}
    return validate(BenchmarkDefinition, found, where=f"{_files()[name]}, variant {variant}")


def _filled(value: Any, variant: str) -> Any:
    """Return a value with the name of the variant in its texts."""
    if isinstance(value, str):
        return value.replace("{variant}", variant)
    if isinstance(value, Mapping):
        return {key: _filled(item, variant) for key, item in value.items()}
    return [_filled(item, variant) for item in value] if isinstance(value, list) else value
