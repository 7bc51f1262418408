"""`themis compare`: whether a run is better than another one, by their scores of the same cases."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from themis.cli.command import command, json_option
from themis.cli.offers import values
from themis.cli.stored.edited_scores import edited_option, scores_of
from themis.cli.stored.run_names import RunPlace, places_of, sides_of, store_option
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, emit, is_for_people, say
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.scores import short_name
from themis.cli.terminal.widths import shortened
from themis.cli.views.paired_figures import figure, paired_figures

if TYPE_CHECKING:
    from themis.core.comparison.comparing import Comparison, Flip
    from themis.core.comparison.difference import PairedDifference
    from themis.core.comparison.scores import RunScores
    from themis.core.stores.reading import StoreLocation

_ANSWER_CHARACTERS = 30
_COLUMNS = (
    Column("metric"),
    Column("baseline", right=True, drop=2, below=True),
    Column("candidate", right=True, drop=1, below=True),
    Column("difference", right=True, drop=3, below=True),
    Column("95 % interval", right=True, drop=5, below=True),
    Column("p", right=True, drop=4, below=True),
    Column("pairs", right=True, drop=8, below=True),
    Column("better", right=True, drop=6, below=True),
    Column("worse", right=True, drop=7, below=True),
)
_FLIPS = (
    Column("case"),
    Column("metric", drop=2, below=True, bare=True),
    Column("score", right=True, drop=1, below=True),
    Column("baseline's answer", least=16, drop=3, below=True),
    Column("candidate's answer", least=16, drop=4, below=True),
)


class _Side(NamedTuple):
    """A run that is compared."""

    name: str
    place: RunPlace
    scores: "RunScores"
    edits: int | None
    """Number of scores as they were edited; None where they are as measured."""


@command(
    "compare",
    "themis compare before.yaml after.yaml",
    "themis compare 4f1c09 77ab21 --flips 20",
    "themis compare before.yaml after.yaml other.yaml --cluster passage",
    "themis compare group:pupils",
)
@click.argument("names", metavar="A B …", nargs=-1, shell_complete=values.targets)
@click.option("--baseline-config", type=click.Path(path_type=Path), help="The config file of A.")
@click.option("--candidate-config", type=click.Path(path_type=Path), help="The config file of B.")
@click.option("--cluster", metavar="FIELD", help="A metadata field: cases that share its value depend on each other.")
@click.option(
    "--flips", type=click.IntRange(min=0), default=10, show_default=True, help="Most cases with another score to show."
)
@edited_option
@store_option
@json_option
def compare(
    *,
    names: tuple[str, ...],
    cluster: str | None,
    flips: int,
    edited: bool,
    store: "StoreLocation | None",
    as_json: bool,
    **files: Path | None,
) -> int:
    """Compare the scores of runs: A is the baseline, and each other run is compared with it.

    A and B are config files, or names or ids of stored runs; group:NAME stands for all runs of a group, which are
    compared in one table: the first one is the baseline, unless a run is named before the group. Only cases that both
    runs have a score for are compared; the others are counted beside them.
    """
    from themis.core.comparison.comparing import compare_all

    chosen = [*names, *(str(file) for file in (files["baseline_config"], files["candidate_config"]) if file)]
    is_grouped = any(name.startswith("group:") for name in chosen)
    if len(chosen) < 2 and not is_grouped:  # noqa: PLR2004  # a comparison takes two
        message = "name two runs at least: by config files, names or ids, or by group:NAME"
        raise click.UsageError(message, click.get_current_context())
    with ExitStack() as stack:
        places = sides_of(stack, chosen, store) if is_grouped else _places(stack, chosen, store)
        _refuse_alone(chosen, places)
        sides = [_side(name, place, edited=edited) for name, place in places]
        clusters = None if cluster is None else _clusters(sides, cluster)
        found = compare_all(sides[0].scores, [side.scores for side in sides[1:]], clusters=clusters)
        if as_json or not is_for_people():
            emit({"comparisons": [_document(sides[0], *one, flips) for one in zip(sides[1:], found, strict=True)]})
        elif is_grouped:
            from themis.cli.views.compared_runs import say_compared

            say_compared([(side.name, side.scores, side.edits) for side in sides], found)
            _say_adjusted(found)
        else:
            for number, one in enumerate(zip(sides[1:], found, strict=True)):
                if number:
                    say()
                _show(sides[0], *one, flips)
            _say_adjusted(found)
    return 0


def _places(stack: ExitStack, names: Sequence[str], store: "StoreLocation | None") -> list[tuple[str, RunPlace]]:
    return list(zip(names, places_of(stack, names, store), strict=True))


def _refuse_alone(names: Sequence[str], places: Sequence[tuple[str, RunPlace]]) -> None:
    """Refuse a group of one run, which there is nothing to compare with."""
    if len(places) == 1:
        message = f"{' '.join(names)} is one run, and a comparison takes two"
        raise click.UsageError(message, click.get_current_context())


def _say_adjusted(found: "Sequence[Comparison]") -> None:
    tests = sum(metric.p_value is not None for one in found for metric in one.metrics.values())
    if tests > 1:
        say()
        say_text(f"p is adjusted for {tests:,} tests (Holm); the intervals are not.")


def _side(name: str, place: RunPlace, *, edited: bool) -> _Side:
    scores, edits = scores_of(place, edited=edited)
    return _Side(name, place, scores, edits if edited else None)


def _clusters(sides: Sequence[_Side], field: str) -> Mapping[str, str]:
    """The value of a metadata field in each case, by its key."""
    from themis.core.errors import InvalidArgumentError
    from themis.core.snapshot import case_key

    run = next((side.place.run for side in sides if side.place.run is not None), None)
    if run is None:
        raise InvalidArgumentError(argument="--cluster", detail="needs a config file among the runs, for its cases")
    found = {}
    for source, dataset in zip(run.sources, run.snapshot.datasets, strict=True):
        for case in source.cases():
            if field in case.metadata:
                found[case_key(dataset.dataset_id, case.case_id)] = case.metadata[field]
    if not found:
        raise InvalidArgumentError(argument="--cluster", detail=f"no case has {field!r} in its metadata")
    return found


def _document(baseline: _Side, candidate: _Side, found: "Comparison", most: int) -> dict[str, Any]:
    return {
        "baseline": baseline.name,
        "baseline_run_id": found.baseline_run_id,
        "candidate": candidate.name,
        "candidate_run_id": found.candidate_run_id,
        "metrics": {name: one.model_dump(mode="json") for name, one in found.metrics.items()},
        "unpaired": {
            name: {kind: len(keys) for kind, keys in asdict(one).items()} for name, one in found.unpaired.items()
        },
        "only_in_baseline": list(found.only_in_baseline),
        "only_in_candidate": list(found.only_in_candidate),
        "flips": [
            {**flip._asdict(), "baseline_answer": before, "candidate_answer": after}
            for flip, before, after in _flipped(baseline, candidate, found, most)
        ],
        **({} if baseline.edits is None else {"edits": {"baseline": baseline.edits, "candidate": candidate.edits}}),
        "conclusions": _conclusions(baseline, candidate, found),
    }


def _show(baseline: _Side, candidate: _Side, found: "Comparison", most: int) -> None:
    say_text(f"baseline {baseline.name} ({found.baseline_run_id[:ID_CHARACTERS]}){_edits(baseline)}")
    say_text(f"candidate {candidate.name} ({found.candidate_run_id[:ID_CHARACTERS]}){_edits(candidate)}")
    say_table_fitted(_COLUMNS, [_row(name, one) for name, one in found.metrics.items()])
    for name, one in found.unpaired.items():
        counts = [f"{len(keys):,} {kind.replace('_', ' ')}" for kind, keys in asdict(one).items() if keys]
        if counts:
            say_text(f"{short_name(name)}: not compared: {', '.join(counts)}")
    for metrics, whose in ((found.only_in_baseline, "baseline"), (found.only_in_candidate, "candidate")):
        if metrics:
            say_text(f"only the {whose} has {', '.join(map(short_name, metrics))}")
    shown = [
        (
            flip.case_key,
            short_name(flip.metric_id),
            f"{flip.baseline:g} to {flip.candidate:g}",
            _text(before),
            _text(after),
        )
        for flip, before, after in _flipped(baseline, candidate, found, most)
    ]
    if shown:
        say()
        say_table_fitted(_FLIPS, shown)
    say()
    for sentence in _conclusions(baseline, candidate, found, named=short_name):
        say_text(sentence)


def _row(name: str, one: "PairedDifference") -> tuple[str | None, ...]:
    return (
        short_name(name),
        figure(one.baseline_mean),
        figure(one.candidate_mean),
        *paired_figures(one),
    )


def _edits(side: _Side) -> str:
    return "" if side.edits is None else f", {side.edits:,} scores as they were edited"


def _flipped(baseline: _Side, candidate: _Side, found: "Comparison", most: int) -> "list[tuple[Flip, Any, Any]]":
    """The first cases whose score differs, with both answers."""
    from themis.core.comparison.answers import answers_of
    from themis.core.comparison.comparing import flips

    every = [flip for name in found.metrics for flip in flips(baseline.scores, candidate.scores, name, most)][:most]
    keys = [flip.case_key for flip in every]
    before, after = (answers_of(side.place.store, side.scores, keys) for side in (baseline, candidate))
    return list(zip(every, before, after, strict=True))


def _conclusions(
    baseline: _Side, candidate: _Side, found: "Comparison", *, named: Callable[[str], str] = str
) -> list[str]:
    from themis.core.comparison.conclusion import conclusion

    return [conclusion(named(name), one, baseline.name, candidate.name) for name, one in found.metrics.items()]


def _text(answer: Any) -> str:
    return shortened(answer if isinstance(answer, str) else json.dumps(answer), _ANSWER_CHARACTERS)
