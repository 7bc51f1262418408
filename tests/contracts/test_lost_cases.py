"""What every queue does with the notes of the cases in flight: read at a death, kept with the attempt, then removed."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import World
from tests.processes.row_world import RowWorld, clocked_url
from themis.core.processes import identity
from themis.core.processes.noted_cases import NotedCases
from themis.core.queue.model.case_losses import CaseLosses
from themis.core.queue.model.states import AttemptOutcome, Cause, JobState
from themis.core.queue.port import JobClaim
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.stores.job_rows import AttemptRow

KILLED = AttemptOutcome(Cause.SIGNAL, "its process was killed by SIGSEGV", exit_code=-11)


@pytest.fixture(params=["folder", "shared folder", "rows"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    shared = request.param == "shared folder"
    made = RowWorld(clocked_url()) if request.param == "rows" else World(tmp_path / "world", shared=shared)
    with closing(made) as world:
        yield world


def note(claim: JobClaim, *cases: int, alone: bool = False) -> Path:
    """Keep notes as the process of a job does that dies with these cases in flight; returns their path."""
    path = claim.notes_path
    assert path is not None
    notes = NotedCases.make(path, claim.row.token or "", 8)
    notes.one_at_a_time(alone=alone)
    for case in cases:
        notes.begin(case)
    return path


def told(here: World, key: str) -> CaseLosses:
    row = here.store.load(key)
    return CaseLosses.read(None if row is None else row.case_losses)


def attempts(here: World, key: str) -> list[AttemptRow]:
    return here.store.attempts(key)


def test_a_case_is_named_after_three_deaths_and_the_job_is_charged_for_none(here: World) -> None:
    key = here.submit("run")
    for cases, alone in (((1, 2), False), ((2, 3), False), ((2,), True)):
        with here.later():
            claim = here.claimed()
        path = note(claim, *cases, alone=alone)
        here.finish(claim, KILLED)
        assert not path.exists()
    row = here.store.load(key)
    assert row is not None
    assert (row.state, row.failures, row.lost) == (JobState.QUEUED, 0, 0)
    assert (told(here, key).ended, told(here, key).alone) == ((2,), (3,))
    assert [json.loads(one.in_flight or "") for one in attempts(here, key)] == [[1, 2], [2, 3], [2]]
    with here.later():
        claim = here.claimed()
    assert CaseLosses.read(claim.row.case_losses).ended == (2,), "its process is told"
    assert here.finish(claim) is JobState.DONE


def test_the_notes_of_a_worker_that_died_are_read_by_whoever_recovers_its_job_on_this_host(here: World) -> None:
    key = here.submit("run")
    for number in (1, 2):
        claim = here.claimed()
        path = note(claim, 5, 6)
        claim.abandon()
        with here.later():
            here.queue.recover(here.owner)
        assert not path.exists()
        row = here.store.load(key)
        assert row is not None
        assert (row.state, row.lost, row.cause) == (JobState.QUEUED, number, Cause.WORKER_LOST)
    assert told(here, key).alone == (5, 6)


def test_a_host_that_has_started_again_names_no_case(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = here.submit("run")
    claim = here.claimed()
    note(claim, 5)
    claim.abandon()
    host, _ = identity.machine()
    monkeypatch.setattr(identity, "machine", lambda: (host, "a later start"))
    with here.later():
        here.queue.recover(here.owner)
    assert (told(here, key), [one.in_flight for one in attempts(here, key)]) == (CaseLosses(), [None])


@pytest.mark.parametrize(
    "outcome",
    [
        AttemptOutcome(Cause.SIGNAL, "SIGTERM", exit_code=-15),
        AttemptOutcome(Cause.SIGNAL, "stopped", exit_code=0),
        AttemptOutcome(Cause.TIME_LIMIT, exit_code=-9),
        AttemptOutcome(Cause.GIVEN_BACK, exit_code=-9),
        AttemptOutcome(Cause.EXCEPTION),
    ],
)
def test_an_end_that_somebody_asked_for_or_that_was_reported_names_no_case(
    here: World, outcome: AttemptOutcome
) -> None:
    key = here.submit("run")
    claim = here.claimed()
    path = note(claim, 5)
    here.finish(claim, outcome)
    assert (told(here, key), [one.in_flight for one in attempts(here, key)]) == (CaseLosses(), [None])
    assert not path.exists()


def test_an_attempt_that_is_excused_names_no_case(here: World) -> None:
    key = here.submit("run")
    claim = here.claimed()
    note(claim, 5)
    claim.excuse()
    claim.abandon()
    with here.later():
        here.queue.recover(here.owner)
    assert (told(here, key), [one.cause for one in attempts(here, key)]) == (CaseLosses(), [Cause.OUTAGE])
