"""`themis catalog show`: one benchmark, with an example of its prompt."""

from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option
from themis.cli.terminal.output import emit, is_for_people, say

if TYPE_CHECKING:
    from themis.catalog import BenchmarkDefinition
    from themis.core.base import JSONValue

_UNVERIFIED = "unverified"


@command("show", "themis catalog show gsm8k", "themis catalog show arc:challenge --json")
@click.argument("name")
@json_option
def show(*, name: str, as_json: bool) -> None:
    """Print a benchmark: its source, licence, recipe and published figures, and its prompt about a sample."""
    from themis.catalog import get_benchmark
    from themis.catalog.recipe import lacking
    from themis.catalog.validation import rendered_prompts

    benchmark = get_benchmark(name)
    dataset = benchmark.materialize_dataset(lambda _source: benchmark.sample.rows)
    prompt = rendered_prompts(benchmark, dataset)[0]
    if is_for_people(as_json=as_json):
        _say(benchmark, prompt, lacking(benchmark))
        return
    document = benchmark.model_dump(mode="json", by_alias=True, exclude={"sample"})
    emit({**document, "unverified": benchmark.unverified, "lacking": lacking(benchmark), "example_prompt": prompt})


def _say(benchmark: "BenchmarkDefinition", prompt: "JSONValue", missing: str | None) -> None:
    from themis.catalog.recipe import needs_in_words

    say(f"{benchmark.benchmark_id}: {benchmark.title}")
    say(benchmark.about)
    say()
    for label, value in _facts(benchmark).items():
        say(f"{label + ':':<13}{value}")
    if missing is not None:
        say(f"{'missing:':<13}needs {needs_in_words(benchmark)}; {missing}")
    for figure in benchmark.published:
        setting = f" ({figure.setting})" if figure.setting else ""
        say(f"{'published:':<13}{figure.model}: {figure.metric} {figure.value} ± {figure.tolerance}{setting}")
    for note in benchmark.notes:
        say(f"{'note:':<13}{note}")
    if benchmark.rubric is not None:
        say(f"{'rubric:':<13}{benchmark.rubric}")
    for group in benchmark.variants:
        say(f"{'variants:':<13}{', '.join(group.names)}: {group.about}")
    say("\nA model is asked, about a sample of our own:\n")
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    for message in messages:
        say(str(message["content"]) if isinstance(message, dict) else str(message))


def _facts(benchmark: "BenchmarkDefinition") -> dict[str, Any]:
    from themis.catalog.parser_reference import in_words

    shown = {
        "source": benchmark.source.title,
        "revision": benchmark.source.revision,
        "parser": in_words(benchmark.parser),
        "metrics": ", ".join(benchmark.metrics),
        "licence": benchmark.licence,
        "gated": None if benchmark.gated is None else "yes" if benchmark.gated else "no",
        "canary": "none" if benchmark.canary is False else benchmark.canary,
        "paper": benchmark.paper,
    }
    return {label: _UNVERIFIED if value is None else value for label, value in shown.items()}
