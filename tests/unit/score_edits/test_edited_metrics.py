"""Edits of scores and what a metric comes to with them, on stores in memory."""

import math

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.errors import ScoreEditError
from themis.core.inspection import get_run_snapshot
from themis.core.models import Case, Dataset
from themis.core.score_edits.editing import Correction, edit_scores, withdraw_edit
from themis.core.score_edits.figures import edited_metrics
from themis.core.score_edits.history import Standing, read_history
from themis.core.score_edits.places import Named
from themis.core.statistics.intervals import wilson
from themis.core.statistics.score_tally import MetricSummary
from themis.core.stores import InMemoryRunStore


class Lab:
    """A stored run whose cases score what a test says."""

    def __init__(self, *values: float | None) -> None:
        """A case for each value; None for one whose generation fails."""
        self.store = InMemoryRunStore()
        cases = [Case(case_id=f"c{no}", input=value) for no, value in enumerate(values)]
        made = experiment(
            ScriptedGenerator(lambda case, ctx: LookupError("none") if case.input is None else case.input),
            metrics=[ScriptedMetric(lambda value, case: case.input)],
            datasets=[Dataset(dataset_id="lab", cases=cases)],
        )
        self.snapshot = get_run_snapshot(self.store, made.run(store=self.store).run_id)
        (self.metric_id,) = self.snapshot.metric_ids

    def edit(self, case_id: str, value: float | None) -> None:
        edit_scores(self.store, self.snapshot, [Correction(Named("here", case_id), value, "ann", "why")])

    @property
    def edited(self) -> MetricSummary:
        history = read_history(self.store, self.snapshot)
        return edited_metrics(self.store, self.snapshot, history.holding)[self.metric_id].summary

    @property
    def measured(self) -> MetricSummary:
        return self.store.score_tallies(self.snapshot.run_id)[0].summary(self.snapshot.total_cases)


def test_an_edit_to_what_was_measured_changes_no_figure() -> None:
    lab = Lab(0.0, 1.0, 1.0, 0.3, None)
    lab.edit("c3", 0.3)
    assert lab.edited == lab.measured


def test_figures_are_those_of_a_run_that_had_measured_the_edited_scores() -> None:
    lab = Lab(0.0, 0.1, 0.2, 0.9, 0.5)
    lab.edit("c0", 0.7)
    lab.edit("c4", -3.25)
    assert lab.edited == Lab(0.7, 0.1, 0.2, 0.9, -3.25).measured


def test_the_interval_is_that_of_scores_of_0_and_1_once_the_edited_ones_are_such() -> None:
    lab = Lab(0.0, 1.0, 1.0, 0.5)
    lab.edit("c3", 1.0)
    assert (lab.edited.ci_lower, lab.edited.ci_upper) == wilson(3, 4)
    lab.edit("c0", 0.25)
    assert lab.edited.ci_lower != wilson(3, 4)[0]


def test_a_case_without_a_score_is_given_one_and_another_is_left_out() -> None:
    lab = Lab(1.0, None, 0.0)
    lab.edit("c1", 1.0)
    assert (lab.edited.mean, lab.edited.scored, lab.edited.unscored) == (2 / 3, 3, 0)
    lab.edit("c2", None)
    assert (lab.edited.mean, lab.edited.scored, lab.edited.unscored, lab.edited.total) == (1.0, 2, 1, 3)
    (first, second) = read_history(lab.store, lab.snapshot).records
    assert (first.before, first.after, first.edit.measured) == (None, 1.0, None)
    assert (second.before, second.after, second.edit.measured) == (0.0, None, 0.0)


def test_edits_of_more_cases_than_are_read_together_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.score_edits.figures._PAGE", 2)
    lab = Lab(*[0.0] * 7)
    for number in (0, 3, 6):
        lab.edit(f"c{number}", 1.0)
    assert (lab.edited.mean, lab.edited.scored) == (3 / 7, 7)


def test_a_withdrawal_brings_the_edit_before_back_whoever_made_it() -> None:
    lab = Lab(0.0, 0.0)
    for value in (0.25, 0.5, 0.75):
        lab.edit("c0", value)
    named = Named("here", "c0")
    taken = withdraw_edit(lab.store, lab.snapshot, named, "bob", "no")
    assert (taken.before, taken.after, taken.standing) == (0.75, 0.5, Standing.WITHDRAWAL)
    lab.edit("c0", 1.0)
    for after in (0.5, 0.25, 0.0):
        assert withdraw_edit(lab.store, lab.snapshot, named, "bob", "no").after == after
    with pytest.raises(ScoreEditError, match="no edit that could be taken back"):
        withdraw_edit(lab.store, lab.snapshot, named, "bob", "no")


def test_corrections_are_kept_all_or_none() -> None:
    lab = Lab(0.0, 0.0)
    named = [Named("line 1", "c0"), Named("line 2", "c1"), Named("line 3", "c7")]
    with pytest.raises(ScoreEditError, match="line 3: no case 'c7' of the run has ended"):
        edit_scores(lab.store, lab.snapshot, [Correction(one, 1.0, "ann", "x") for one in named])
    assert lab.store.score_edits(lab.snapshot.run_id) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    lab = Lab(0.0, 0.0)
    with pytest.raises(ScoreEditError, match="must be a finite number"):
        lab.edit("c0", value)
    assert lab.store.score_edits(lab.snapshot.run_id) == []


def test_a_case_of_several_datasets_is_named_with_its_own() -> None:
    store = InMemoryRunStore()
    made = experiment(ScriptedGenerator(), datasets=[dataset(1, "one"), dataset(1, "two")])
    snapshot = get_run_snapshot(store, made.run(store=store).run_id)
    case_id = store.ends_from(snapshot.run_id, 0, 1)[0].case_id
    named = Named("here", case_id, snapshot.metric_ids[0])
    with pytest.raises(ScoreEditError, match="in each of 'one', 'two'; name the dataset"):
        edit_scores(store, snapshot, [Correction(named, 1.0, "ann", "x")])
    (record,) = edit_scores(store, snapshot, [Correction(named._replace(dataset_id="two"), 1.0, "ann", "x")])
    assert (record.edit.case_no, record.edit.dataset_id) == (1, "two")


def test_a_text_that_no_file_can_hold_is_kept_with_escapes() -> None:
    lab = Lab(0.0, 0.0)
    said = Correction(Named("here", "c0"), 1.0, " \udce4nn ", "bad \ud800 byte")
    (record,) = edit_scores(lab.store, lab.snapshot, [said])
    assert (record.edit.edited_by, record.edit.why) == ("\\udce4nn", "bad \\ud800 byte")
