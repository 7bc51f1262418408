"""`themis score import`: labels that people gave, as edits of scores."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option
from themis.cli.stored.one_run import one_run
from themis.cli.stored.run_targets import Asked, run_options
from themis.cli.stored.score_options import login_name, show_edits

if TYPE_CHECKING:
    from themis.cli.stored.run_names import RunPlace
    from themis.core.score_edits.label_file import Unsaid


def _row_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for what the rows of a file do not say, which become the argument `unsaid`."""

    @click.option(
        "--metric",
        "--metric-id",
        "metric_id",
        metavar="ID",
        help="The metric of rows without one.  [default: the only one]",
    )
    @click.option("--by", metavar="NAME", help="Who says so, for rows without it.  [default: your login name]")
    @click.option("--why", metavar="TEXT", help="The reason, for rows without one.")
    @functools.wraps(function)
    def with_unsaid(*, metric_id: str | None, by: str | None, why: str | None, **others: Any) -> Any:
        from themis.core.score_edits.label_file import Unsaid

        return function(unsaid=Unsaid(metric_id, by or login_name(), why), **others)

    return with_unsaid


@command(
    "import",
    "themis score import --config experiment.yaml --labels labels.csv",
    "themis score import --config experiment.yaml --labels labels.csv --by zoe --why 'read by hand' --worth half=0.5",
)
@run_options
@click.option(
    "--labels",
    "labels_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What people said: case_id, value or label, by and why a row, and perhaps metric, dataset_id and "
    "candidate_index; JSONL, JSON, CSV, TSV or Parquet.",
)
@_row_options
@click.option(
    "--worth",
    multiple=True,
    metavar="LABEL=NUMBER",
    help="What a label counts as. May be repeated.  [default: numbers, true and false, and verdicts of a judge]",
)
@json_option
def import_labels(
    *,
    asked: Asked,
    labels_path: Path,
    unsaid: "Unsaid",
    worth: Sequence[str],
    as_json: bool,
) -> None:
    """Take labels that people gave as edits of scores: all rows of a file, or none.

    A mistake in the file ends the command with 2, and names file and line; then nothing is kept.
    """
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.editing import edit_scores
    from themis.core.score_edits.label_file import read_corrections

    given = _worth(worth)
    with one_run(asked, writes=True) as place:
        snapshot = get_run_snapshot(place.store, place.run_id)
        of_metrics = {name: {**_of_scale(place, name), **given} for name in snapshot.metric_ids}
        made = edit_scores(place.store, snapshot, read_corrections(labels_path, snapshot, unsaid, of_metrics))
    show_edits(place, made, as_json=as_json)


def _worth(given: Sequence[str]) -> dict[str, float]:
    """What labels count as, by `key_of`."""
    from themis.core.errors import InvalidArgumentError
    from themis.core.judging.scales import key_of
    from themis.core.score_files.row_parts import finite_number

    found = {}
    for text in given:
        label, _, number = text.rpartition("=")
        value = finite_number(number)
        if not label or value is None:
            raise InvalidArgumentError(argument="--worth", detail=f"must be LABEL=NUMBER, not {text!r}")
        found[key_of(label)] = value
    return found


def _of_scale(place: "RunPlace", metric_id: str) -> dict[str, float]:
    """What the verdicts of a metric that asks judges are worth; of a scale of numbers each is the score itself."""
    from themis.cli.stored.scales import scales_of
    from themis.core.judging.scales import Numbers, key_of

    scale = None if place.run is None else scales_of(place.run).get(metric_id)
    if scale is None or isinstance(scale, Numbers):
        return {}
    return {key_of(label): scale.verdict_of(label).worth for label in scale.options}
