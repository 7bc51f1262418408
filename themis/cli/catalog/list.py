"""`themis catalog list`: every benchmark with its source, its metrics and what it needs; or every component."""

from typing import TYPE_CHECKING, Any

import click

from themis.cli.catalog.components import say_components
from themis.cli.command import command, json_option
from themis.cli.terminal.fitted_table import Column, fitted, terminal_width
from themis.cli.terminal.output import emit, is_for_people, say

if TYPE_CHECKING:
    from themis.catalog import BenchmarkDefinition

_COLUMNS = [
    Column("BENCHMARK"),
    Column("VARIANTS", right=True, drop=2),
    Column("METRICS", least=16, drop=1),
    Column("NEEDS", least=8),
    Column("LICENCE", least=8, drop=3),
    Column("SOURCE", least=20, drop=4),
]


@command("list", "themis catalog list", "themis catalog list --components --json")
@click.option("--all", "with_variants", is_flag=True, help="List each variant too.")
@click.option("--components", is_flag=True, help="The components and datasets, of Themis and of installed packages.")
@json_option
def list_(*, with_variants: bool, components: bool, as_json: bool) -> None:
    """List the named benchmarks; or the components that experiments can name by id, and where each comes from."""
    if components:
        if with_variants:
            message = "--all is about benchmarks: leave it out beside --components"
            raise click.UsageError(message, click.get_current_context())
        say_components(as_json=as_json)
        return
    from themis.catalog import get_benchmark, list_benchmarks
    from themis.catalog.files import all_names

    found = list_benchmarks()
    if with_variants:
        found = [get_benchmark(name) for one in found for name in all_names(one)]
    if not is_for_people(as_json=as_json):
        emit([_document(one) for one in found])
        return
    for line in fitted(_COLUMNS, [_row(one) for one in found], terminal_width()):
        say(line)


def _document(benchmark: "BenchmarkDefinition") -> dict[str, Any]:
    from themis.catalog.recipe import lacking

    return {
        "benchmark_id": benchmark.benchmark_id,
        "title": benchmark.title,
        "source": benchmark.source.model_dump(mode="json"),
        "parser": benchmark.parser,
        "metrics": benchmark.metrics,
        "needs": benchmark.needs,
        "lacking": lacking(benchmark),
        "licence": benchmark.licence,
        "gated": benchmark.gated,
        "variants": benchmark.variant_names,
        "variant_needed": benchmark.variant_needed,
        "unverified": benchmark.unverified,
    }


def _row(benchmark: "BenchmarkDefinition") -> list[Any]:
    return [
        benchmark.benchmark_id,
        len(benchmark.variant_names) or None,
        ", ".join(name.removeprefix("builtin/") for name in benchmark.metrics),
        ", ".join(benchmark.needs) or None,
        benchmark.licence,
        benchmark.source.title,
    ]
