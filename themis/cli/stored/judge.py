"""`themis judge`: how far the verdicts of a judge agree with the labels of people."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, group, json_option
from themis.cli.stored.one_run import one_run
from themis.cli.stored.run_targets import Asked, run_options
from themis.cli.stored.scales import scales_of, stored_scales
from themis.cli.terminal.output import emit, is_for_people, note, say, say_table

if TYPE_CHECKING:
    from themis.core.calibration.models import Calibration, Figure

_HEADERS = ("figure", "value", "95 % interval", "cases", "why not")


@group("judge", "themis judge calibrate experiment.yaml --labels labels.csv")
def judge() -> None:
    """Compare the verdicts of a judge with labels that people gave."""


@command(
    "calibrate",
    "themis judge calibrate experiment.yaml --labels labels.csv",
    "themis judge calibrate experiment.yaml --labels labels.jsonl --metric-id kindness",
    "themis judge calibrate 4f1c09 --labels labels.csv",
    "themis judge calibrate experiment.yaml --labels labels.csv --positive CORRECT --positive PARTLY",
)
@run_options
@click.option(
    "--labels",
    "labels_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What people said: a case_id and a label per row, and perhaps metric and dataset_id; JSONL, JSON, CSV, TSV or "
    "Parquet.",
)
@click.option(
    "--metric",
    "--metric-id",
    "metric_id",
    metavar="ID",
    help="The metric of labels that name none.  [default: the only metric that asks judges]",
)
@click.option(
    "--positive",
    multiple=True,
    metavar="VERDICT",
    help="A verdict that counts as positive for the two rates. May be repeated.  [default: the better of two]",
)
@json_option
def calibrate(
    *,
    asked: Asked,
    labels_path: Path,
    metric_id: str | None,
    positive: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare the verdicts of a stored run's judges with labels that people gave to its cases.

    TARGET is a config file, or the name of a run, or the beginning of a run's id or a job's key (4 digits at least).

    The result is kept in the store, for the judge and its rubric: reports on all runs that ask that judge by that
    rubric show kappa beside the metric. What cannot be measured is null, with the reason.
    """
    from themis.core.calibration import stored
    from themis.core.calibration.calibrating import JudgedRun, calibrated
    from themis.core.calibration.labels import by_metric, read_labels
    from themis.core.inspection import get_run_snapshot

    file = read_labels(labels_path)
    with one_run(asked, writes=True) as place:
        store, run_id = place.store, place.run_id
        snapshot = get_run_snapshot(store, run_id)
        of_metrics = by_metric(file.labels, snapshot.metric_kinds, metric_id)
        run = JudgedRun(store, snapshot, scales_of(place.run) if place.run else stored_scales(snapshot))
        found = [calibrated(run, name, file, labels, positive) for name, labels in of_metrics.items()]
        with store.transaction():
            useless = [calibration.metric_id for calibration in found if not stored.save(store, calibration)]
    for name in useless:
        note(f"{name}: no labelled case has a verdict, so that nothing was kept")
    if as_json or not is_for_people():
        emit({"run_id": run_id, "calibrations": [calibration.document() for calibration in found]})
        return
    for calibration in found:
        _show(calibration)


def _show(found: "Calibration") -> None:
    say(f"{found.metric_id}: {found.compared:,} of {found.labelled:,} labelled cases compared")
    if found.without_verdict:
        say("without a verdict: " + ", ".join(f"{count:,} {why}" for why, count in found.without_verdict.items()))
    positive = f" ({' or '.join(found.positive)})" if found.positive else ""
    figures = {
        "kappa": found.kappa,
        "agreement": found.agreement,
        f"true-positive rate{positive}": found.true_positive_rate,
        "true-negative rate": found.true_negative_rate,
        "rank correlation": found.rank_correlation,
        "first shown wins": found.position_bias.first_shown_share,
        "same winner in both orders": found.position_bias.order_agreement,
        "kappa between the orders": found.position_bias.order_kappa,
        "judge and length (point-biserial)": found.length_bias.judge.point_biserial,
        "judge and length (ranks)": found.length_bias.judge.spearman,
        "people and length (point-biserial)": found.length_bias.people.point_biserial,
        "people and length (ranks)": found.length_bias.people.spearman,
        "self-consistency": found.self_consistency,
    }
    say_table(_HEADERS, [_row(name, figure) for name, figure in figures.items()], right=_HEADERS[1:4])
    if found.confusion:
        say()
        verdicts = [*dict.fromkeys([*found.verdicts, *found.confusion, *found.base_rates])]
        rows = [
            (
                name,
                *(f"{found.confusion.get(name, {}).get(verdict, 0):,}" for verdict in verdicts),
                *_rates(found, name),
            )
            for name in verdicts
        ]
        headers = ("people", *(f"judge: {verdict}" for verdict in verdicts), "share: people", "share: judge")
        say_table(headers, rows, right=headers[1:])
    say()


def _row(name: str, figure: "Figure") -> tuple[str | None, ...]:
    if figure.value is None:
        return name, "-", "-", "-", figure.reason
    interval = None if figure.ci_lower is None else f"{figure.ci_lower:.3f} to {figure.ci_upper:.3f}"
    return name, f"{figure.value:.3f}", interval, f"{figure.count:,}", ""


def _rates(found: "Calibration", name: str) -> tuple[str, str]:
    rate = found.base_rates.get(name)
    return ("0.000", "0.000") if rate is None else (f"{rate.people:.3f}", f"{rate.judge:.3f}")


judge.add_command(calibrate)
