"""Named benchmarks and the components of this installation, by their ids."""

from typing import TYPE_CHECKING, Any

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.catalog.components import list_component_ids, load
    from themis.catalog.definition import BenchmarkDefinition
    from themis.catalog.files import get_benchmark, list_benchmark_ids, list_benchmarks
    from themis.catalog.running import run, run_async
    from themis.catalog.validation import validate_benchmark

__all__ = [
    "BenchmarkDefinition",
    "get_benchmark",
    "list_benchmark_ids",
    "list_benchmarks",
    "list_component_ids",
    "load",
    "run",
    "run_async",
    "validate_benchmark",
]

_find = lazy_names(
    __name__,
    {
        "BenchmarkDefinition": "themis.catalog.definition",
        "get_benchmark": "themis.catalog.files",
        "list_benchmark_ids": "themis.catalog.files",
        "list_benchmarks": "themis.catalog.files",
        "list_component_ids": "themis.catalog.components",
        "load": "themis.catalog.components",
        "run": "themis.catalog.running",
        "run_async": "themis.catalog.running",
        "validate_benchmark": "themis.catalog.validation",
    },
)


def __getattr__(name: str) -> Any:
    """A public name, on first use."""
    return _find(name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
