"""Components and benchmarks by their ids."""

from typing import Any

from themis.catalog.files import get_benchmark, list_benchmark_ids
from themis.core.builtins import BUILTINS_BY_KIND, GENERATORS
from themis.core.components import resolution
from themis.core.components.resolution import GENERATOR, JUDGE, METRIC, PARSER, REDUCER, SELECTOR, load_component
from themis.core.errors import InvalidArgumentError, WrongComponentKindError
from themis.core.text.nearest import nearest_hint

_KINDS = {kind.name: kind for kind in (GENERATOR, SELECTOR, REDUCER, PARSER, METRIC, JUDGE)}


def list_component_ids(kind: str | None = None) -> list[str]:
    """Return the ids of the shipped components and of installed plug-ins.

    Args:
        kind: `generator`, `selector`, `reducer`, `parser`, `metric` or `judge`: the shipped ones of that kind alone.

    Raises:
        InvalidArgumentError: there is no such kind.
    """
    if kind is None:
        return resolution.list_component_ids()
    if kind not in _KINDS:
        raise InvalidArgumentError(argument="kind", detail=f"no kind {kind!r}{nearest_hint(kind, _KINDS)}")
    return sorted([*BUILTINS_BY_KIND[kind], *(GENERATORS if kind == GENERATOR.name else ())])


def load(component_id: str) -> Any:
    """Return the live component, made without arguments, or the `BenchmarkDefinition` with an id.

    Raises:
        UnknownBenchmarkError: there is no benchmark, and no component, of that name.
        ComponentError: the component cannot be loaded without arguments.
    """
    is_benchmark = component_id.partition(":")[0] in list_benchmark_ids()
    if is_benchmark or component_id not in resolution.list_component_ids():
        return get_benchmark(component_id)  # the error for an unknown name too
    *others, last = _KINDS.values()
    for kind in others:
        try:
            return load_component(component_id, kind, where="catalog").live
        except WrongComponentKindError:
            continue
    return load_component(component_id, last, where="catalog").live
