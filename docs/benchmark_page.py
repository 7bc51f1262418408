"""The page of the named benchmarks, made from their data files: `python docs/benchmark_page.py` writes it again."""

from collections.abc import Iterator
from pathlib import Path

from themis.catalog import BenchmarkDefinition, list_benchmarks
from themis.catalog.parser_reference import in_words

PAGE = Path(__file__).parent / "reference" / "benchmarks.md"
_FEW = 8
_HEAD = """# Benchmarks

This page is made from the data files of the catalog; [Run a named benchmark](../guides/run-a-named-benchmark.md) says
how one is used. A fact that nobody looked up is unverified. What a recipe needs beside a model, and this version does
not have, is said when it is named.
"""


def page() -> str:
    """Return the page as Markdown."""
    found = list_benchmarks()
    rows = [
        f"| [`{one.benchmark_id}`](#{one.benchmark_id}) | {one.about} | {', '.join(one.needs) or '-'} |"
        for one in found
    ]
    table = ["| benchmark | asks | needs |", "|---|---|---|", *rows]
    return "\n".join([_HEAD, *table, *(line for one in found for line in _section(one))]) + "\n"


def _section(one: BenchmarkDefinition) -> Iterator[str]:
    yield f"\n## {one.benchmark_id}\n"
    yield f"{one.title}: {one.about[0].lower()}{one.about[1:]}\n"
    yield "| | |"
    yield "|---|---|"
    for label, value in _facts(one):
        yield f"| {label} | {value} |"
    for group in one.variants:
        names = [f"`{one.benchmark_id}:{name}`" for name in group.names[:_FEW]]
        more = f" and {len(group.names) - _FEW} more" if len(group.names) > _FEW else ""
        yield f"| variants | {', '.join(names)}{more}: {group.about} |"
    for figure in one.published:
        setting = f"; {figure.setting}" if figure.setting else ""
        yield f"| published | {figure.model}: {figure.value} ± {figure.tolerance}{setting} ({figure.reference}) |"
    for note in one.notes:
        yield f"| note | {note} |"


def _facts(one: BenchmarkDefinition) -> Iterator[tuple[str, str]]:
    yield "source", f"`{one.source.title}`"
    yield "parser", f"`{in_words(one.parser)}`" if one.parser else "-"
    yield "metrics", ", ".join(f"`{name}`" for name in one.metrics)
    if one.needs:
        yield "needs", ", ".join(one.needs)
    for label, value in (("licence", one.licence), ("paper", one.paper)):
        if value is not None:
            yield label, f"<{value}>" if value.startswith("https://") else value
    if one.gated:
        yield "gated", "the hub asks for a consent first"
    yield "unverified", ", ".join(one.unverified) or "-"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
