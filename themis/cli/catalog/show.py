"""`themis catalog show`: one benchmark, with an example of its prompt."""

from textwrap import wrap
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option
from themis.cli.offers import values
from themis.cli.terminal.fitted_table import terminal_width
from themis.cli.terminal.output import emit, is_for_people, say

if TYPE_CHECKING:
    from themis.catalog import BenchmarkDefinition
    from themis.core.base import JSONValue

_UNVERIFIED = "unverified"
_LABEL = 13
"""Width of the labels of facts."""


@command("show", "themis catalog show gsm8k", "themis catalog show arc:challenge --json")
@click.argument("name", shell_complete=values.benchmarks)
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
        _say_about(label, value)
    if missing is not None:
        _say_about("missing", f"needs {needs_in_words(benchmark)}; {missing}")
    elif benchmark.needs:
        _say_about("needs", needs_in_words(benchmark))
    for figure in benchmark.published:
        setting = f" ({figure.setting})" if figure.setting else ""
        _say_about("published", f"{figure.model}: {figure.metric} {figure.value} ± {figure.tolerance}{setting}")
    for note in benchmark.notes:
        _say_about("note", note)
    if benchmark.rubric is not None:
        _say_about("rubric", benchmark.rubric)
    for group in benchmark.variants:
        _say_about("variants", f"{', '.join(group.names)}: {group.about}")
    after = "" if _examples(benchmark) is None else ", after examples of our own"
    say(f"\nA model is asked, about a sample of our own{after}:\n")
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    for message in messages:
        say(str(message["content"]) if isinstance(message, dict) else str(message))


def _say_about(label: str, value: str) -> None:
    """Print a fact after its label, on a terminal in lines that fit into it."""
    width = terminal_width()
    if width is None:
        say(f"{label + ':':<{_LABEL}}{value}")
        return
    lines = wrap(value, max(width - _LABEL, _LABEL), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        say(f"{label + ':' if number == 0 else '':<{_LABEL}}{line}")


def _examples(benchmark: "BenchmarkDefinition") -> str | None:
    """Return how many examples stand before a question, and where they come from; None without any."""
    few_shot = None if benchmark.prompt is None else benchmark.prompt.few_shot
    if few_shot is None:
        return None
    first = "the first " if few_shot.seed is None else ""
    drawn = "" if few_shot.seed is None else f", drawn by seed {few_shot.seed}"
    same = "" if few_shot.same is None else f" of the question's {few_shot.same}"
    return f"{first}{few_shot.k}{same} in the split {few_shot.split}{drawn}, as {few_shot.as_}"


def _facts(benchmark: "BenchmarkDefinition") -> dict[str, str]:
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
    found = {label: _UNVERIFIED if value is None else value for label, value in shown.items()}
    examples = _examples(benchmark)
    return found if examples is None else {**found, "examples": examples}
