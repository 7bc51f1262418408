"""People edit scores at the same time, and processes are killed meanwhile: an edit is kept whole or not at all."""

import json
import shutil
import time
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from tests.processes.crash_points import context, kill_at, steps_of
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.inspection import get_run_snapshot
from themis.core.models import Case, Dataset
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.results import RunStatus
from themis.core.score_edits import editing
from themis.core.score_edits.editing import Correction, edit_scores, withdraw_edit
from themis.core.score_edits.history import last_edit
from themis.core.score_edits.label_file import Unsaid, read_corrections
from themis.core.score_edits.places import Named
from themis.core.stores import sqlite_store

CASES = 40
EACH = 12
"""Edits that each person makes."""


def experiment(folder: Path) -> Experiment:
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        datasets=[Dataset(dataset_id="d", cases=[_case(number) for number in range(CASES)])],
    )


def _case(number: int) -> Case:
    return Case(case_id=f"c{number}", input=str(number), expected_output=str(number))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a stored run, and labels for all of its cases."""
    made = tmp_path / "made"
    made.mkdir()
    assert experiment(made).run().status is RunStatus.COMPLETED
    rows = [{"case_id": f"c{number}", "value": 0, "by": "ann", "why": "read"} for number in range(CASES)]
    (made / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return made


def kept(folder: Path) -> list[ScoreEdit]:
    with closing(sqlite_store(folder / "themis.sqlite3")) as store:
        return store.score_edits(store.list_runs()[0].run_id)


def edit_many(folder: Path, name: str, begin: Barrier) -> None:
    """One person edits the same score again and again, and then takes as many edits back."""
    setattr(editing, "last_edit", _last_edit_slowly)  # noqa: B010  # so that the other one comes between, if it can
    with closing(sqlite_store(folder / "themis.sqlite3")) as store:
        snapshot = get_run_snapshot(store, store.list_runs()[0].run_id)
        begin.wait(timeout=60)
        for number in range(EACH):
            edit_scores(store, snapshot, [Correction(Named("score", "c0"), number / EACH, name, f"{number}")])
        begin.wait(timeout=60)
        for _ in range(EACH):
            withdraw_edit(store, snapshot, Named("score", "c0"), name, "no")


def _last_edit_slowly(*arguments: Any) -> ScoreEdit | None:
    found = last_edit(*arguments)
    time.sleep(0.005)
    return found


def test_of_two_people_who_edit_one_score_at_the_same_time_no_edit_is_lost(folder: Path) -> None:
    server = context()
    begin = server.Barrier(2)
    people = [server.Process(target=edit_many, args=(folder, name, begin)) for name in ("ann", "bob")]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=120)
        assert person.exitcode == 0
    found = kept(folder)
    assert [edit.number for edit in found] == list(range(1, len(found) + 1))
    for name in ("ann", "bob"):
        said = [edit.why for edit in found if edit.edited_by == name and edit.withdraws is None]
        assert said == [str(number) for number in range(EACH)]
    withdrawn = [edit.withdraws for edit in found if edit.withdraws is not None]
    assert withdrawn == list(range(2 * EACH, 0, -1)), "each takes back the last one that is left"
    assert {edit.measured for edit in found} == {1.0}


def import_labels(folder: str) -> None:
    """Take the labels of a folder as edits."""
    path = Path(folder)
    with closing(sqlite_store(path / "themis.sqlite3")) as store:
        snapshot = get_run_snapshot(store, store.list_runs()[0].run_id)
        edit_scores(store, snapshot, read_corrections(path / "labels.jsonl", snapshot, Unsaid(), {}))


def test_an_import_that_is_killed_anywhere_has_kept_all_or_nothing_and_can_be_done_again(
    folder: Path, tmp_path: Path
) -> None:
    def fresh(name: str) -> Path:
        return Path(shutil.copytree(folder, tmp_path / name))

    steps = steps_of(import_labels, str(fresh("whole")))
    assert any(step.startswith("commit") for step in steps), steps
    assert len(kept(tmp_path / "whole")) == CASES
    counts = set()
    for point in range(len(steps)):
        place = fresh(f"killed-{point}")
        assert kill_at(point, import_labels, str(place))
        counts.add(len(kept(place)))
        before = len(kept(place))
        import_labels(str(place))
        assert len(kept(place)) == before + CASES
    assert counts <= {0, CASES}


def test_a_process_that_is_killed_while_it_imports_leaves_the_store_to_others(folder: Path) -> None:
    server = context()
    for delay_s in (0.0, 0.01, 0.03, 0.1):
        before = len(kept(folder))
        child = server.Process(target=import_labels, args=(str(folder),))
        child.start()
        child.join(delay_s)
        child.kill()
        child.join()
        added = len(kept(folder)) - before
        assert added in {0, CASES}
        import_labels(str(folder))
        assert len(kept(folder)) == before + added + CASES
