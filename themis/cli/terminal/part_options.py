"""`--limit`, `--sample` and `--case`: less than all cases of an experiment, for commands that compile one."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from themis.cli.terminal.output import note
from themis.core.configuration.part import Part
from themis.core.text.counts import counted
from themis.core.values.bounds import LEAST_SEED, MOST_COUNT, MOST_SEED

if TYPE_CHECKING:
    from themis.core.experiment import Experiment

Function = TypeVar("Function", bound=Callable[..., Any])


class SizeAndSeed(click.ParamType[tuple[int, int | None]]):
    """The size of a sample, and perhaps its seed: `50` or `50:7`."""

    name = "sample"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        """The size and the seed in a text; None for a seed that is not given."""
        if isinstance(value, tuple):
            return value
        size, sign, seed = str(value).partition(":")
        found = _whole(size), _whole(seed) if sign else None
        if found[0] is None or (sign and found[1] is None):
            self.fail(f"{value!r} is not a number of cases, or one with a seed: write it like 50 or 50:7", param, ctx)
        if not 1 <= found[0] <= MOST_COUNT:
            self.fail(f"{found[0]:,} is not a number of cases from 1 to {MOST_COUNT:,}", param, ctx)
        if found[1] is not None and not LEAST_SEED <= found[1] <= MOST_SEED:
            self.fail(f"{found[1]} is not a seed of 64 bits", param, ctx)
        return found[0], found[1]


def _whole(text: str) -> int | None:
    try:
        return int(text) if "_" not in text and len(text) <= 20 else None  # noqa: PLR2004  # digits of 64 bits
    except ValueError:
        return None


def part_options(function: Function) -> Function:
    """Add `--limit`, `--sample` and `--case`, which become one argument `part`."""

    @functools.wraps(function)
    def with_part(
        *, limit: int | None, sample: tuple[int, int | None] | None, cases: tuple[str, ...], **others: Any
    ) -> Any:
        if cases and (limit is not None or sample is not None):
            message = "--case names the cases; leave out --limit and --sample"
            raise click.UsageError(message, click.get_current_context())
        size, seed = sample or (None, None)
        return function(part=Part(limit, size, seed, cases), **others)

    named = click.option(
        "--case",
        "cases",
        multiple=True,
        metavar="ID",
        help="Only the case with this id or case key. May be repeated.",
    )(cast("Function", with_part))
    sampled = click.option(
        "--sample",
        type=SizeAndSeed(),
        metavar="N[:SEED]",
        help="Only N cases of each dataset, at random; the seed is 0 unless given.",
    )(named)
    return click.option(
        "--limit",
        type=click.IntRange(1, MOST_COUNT),
        metavar="N",
        help="Only the first N cases of each dataset. A later run of all asks only for the rest.",
    )(sampled)


def part_of(experiment: "Experiment", part: Part, overrides: Sequence[str], *, quiet: bool = False) -> "Experiment":
    """The experiment with that part of its cases; a name that was given on the command line stays as it is.

    How many that are is said, unless it is to be `quiet`.
    """
    if part.is_all:
        return experiment
    sample = part.sample if part.seed is None or part.sample is None else (part.sample, part.seed)
    found = experiment.narrowed(limit=part.limit, sample=sample, cases=part.cases)
    if any(override.startswith("name=") for override in overrides):
        found = found.model_copy(update={"name": experiment.name})
    if quiet:
        return found
    total, datasets = found.compile().total_cases, len(found.datasets)
    of_each = f" ({part.words} of each of {datasets} datasets)" if datasets > 1 and not part.cases else ""
    option = "--case" if part.cases else "--sample" if part.limit is None else "--limit"
    note(f"only {counted(total, 'case')}{of_each}; without {option} a run asks for the rest")
    return found
