"""`themis catalog validate`: benchmarks checked on the samples that are shipped with them."""

from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option
from themis.cli.errors import BAD_NEWS
from themis.cli.offers import values
from themis.cli.terminal.output import emit, is_for_people, say, say_table

if TYPE_CHECKING:
    from themis.catalog.validation import BenchmarkValidation


@command("validate", "themis catalog validate", "themis catalog validate gsm8k")
@click.argument("name", required=False, shell_complete=values.benchmarks)
@json_option
def validate(*, name: str | None, as_json: bool) -> int:
    """Check one benchmark, or all with their variants: cases, prompt, parser and metric on a sample. No model is asked.

    Exits with 3 when a check fails. A recipe that still needs a judge, a sandbox or log-likelihoods is not scored.
    """
    from themis.catalog import get_benchmark, list_benchmarks, validate_benchmark
    from themis.catalog.files import all_names

    benchmarks = list_benchmarks() if name is None else [get_benchmark(name)]
    found = [validate_benchmark(one) for benchmark in benchmarks for one in all_names(benchmark)]
    if is_for_people(as_json=as_json):
        say_table(["BENCHMARK", *found[0].checks], [_row(one) for one in found])
        failed = [one.benchmark_id for one in found if not one.passed]
        say(f"{len(found) - len(failed)} of {len(found)} passed" + (f"; failed: {', '.join(failed)}" if failed else ""))
    else:
        emit({"passed": all(one.passed for one in found), "benchmarks": [one.model_dump(mode="json") for one in found]})
    return 0 if all(one.passed for one in found) else BAD_NEWS


def _row(one: "BenchmarkValidation") -> list[str]:
    return [one.benchmark_id, *(check.message or check.status for check in one.checks.values())]
