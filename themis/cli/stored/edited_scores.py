"""Scores of a stored run as they were measured, or with the edits that people made."""

from typing import TYPE_CHECKING

import click

from themis.cli.stored.run_names import RunPlace

if TYPE_CHECKING:
    from themis.core.comparison.scores import RunScores
    from themis.core.statistics.score_tally import MetricSummary

edited_option = click.option(
    "--edited", is_flag=True, help="Take scores as people have edited them, where they have, not as measured."
)


def scores_of(place: RunPlace, *, edited: bool) -> "tuple[RunScores, int]":
    """The scores of a run's cases, and how many of them are as they were edited."""
    from themis.core.comparison.scores import RunScores
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.history import read_history
    from themis.core.snapshot import case_key

    scores = RunScores.read(place.store, place.run_id)
    if not edited:
        return scores, 0
    history = read_history(place.store, get_run_snapshot(place.store, place.run_id))
    values = {
        (record.metric_id, case_key(record.edit.dataset_id, record.edit.case_id)): record.after
        for record in history.holding.values()
        if record.candidate_index is None
    }
    return scores.with_values(values), len(values)


def with_edits(place: RunPlace, metric_id: str, measured: "MetricSummary") -> "MetricSummary":
    """The summary of a metric with the edits that hold; as it was measured when there are none."""
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.figures import edited_metrics
    from themis.core.score_edits.history import read_history

    snapshot = get_run_snapshot(place.store, place.run_id)
    found = edited_metrics(place.store, snapshot, read_history(place.store, snapshot).holding).get(metric_id)
    return measured if found is None else found.summary
