"""What a worker of a queue of rows says to the server for one job: once to claim it, and once to end it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.row_world import RowWorld, clocked_url
from themis.core.errors import ClaimLostError
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.states import JobState
from themis.core.queue.port import JobClaim
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

FAILED = AttemptOutcome(Cause.CONFIGURATION, "no such model")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RowWorld]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    with closing(RowWorld(clocked_url(), rescan_s=3600)) as world:
        yield world


def claimed(here: RowWorld) -> JobClaim:
    claim = here.claim()
    assert claim is not None
    return claim


def said(here: RowWorld, do: Callable[[], object]) -> list[str]:
    """The kinds of the messages that were sent while something was done; the server answers each `Sync` or `Query`."""
    connection = here.runs._database._session().raw.pgconn
    with tempfile.TemporaryFile("w+") as trace:
        connection.trace(trace.fileno())
        try:
            do()
        finally:
            connection.untrace()
        trace.seek(0)
        lines = [line.rstrip().split("\t") for line in trace]
    return [words[3] for words in lines if words[1:2] == ["F"]]  # time, from the client, length, kind


def with_output(here: RowWorld, claim: JobClaim) -> None:
    path = here.queue.log_path(claim.key, claim.attempt)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the last words")


@pytest.mark.parametrize("outcome", [AttemptOutcome(Cause.DONE), FAILED], ids=["done", "failed"])
@pytest.mark.parametrize("has_output", [False, True], ids=["silent", "with output"])
def test_a_job_is_claimed_and_ended_with_one_message_each(
    here: RowWorld, outcome: AttemptOutcome, has_output: bool
) -> None:
    once = ["Bind", "Describe", "Execute", "Sync"]
    for number in range(2):
        here.submit(f"run-{number}")
    claim = claimed(here)  # for the first time: the statements are read by the server
    if has_output:
        with_output(here, claim)
    claim.settle(outcome)
    claims: list[JobClaim] = []
    assert said(here, lambda: claims.append(claimed(here))) == once
    (claim,) = claims
    if has_output:
        with_output(here, claim)
    assert said(here, lambda: claim.settle(outcome)) == once
    job = here.queue.admin.show(claim.key)
    assert job.row.state == (JobState.DONE if outcome.cause is Cause.DONE else JobState.FAILED)
    assert [log.text for log in job.kept_logs] == (["the last words"] if has_output else [])
    assert [event.move for event in here.runs.jobs.queues.events(claim.key)] == ["submit", "settle"]
    assert [attempt.cause for attempt in here.store.attempts(claim.key)] == [outcome.cause]


def test_the_end_of_a_claim_that_was_lost_keeps_none_of_its_output(here: RowWorld) -> None:
    here.submit("run")
    claim = claimed(here)
    with_output(here, claim)
    with here.store.transaction() as session:
        session.run("UPDATE jobs SET token = 'another'")
    with pytest.raises(ClaimLostError):
        claim.settle(AttemptOutcome(Cause.DONE))
    assert here.database.query("SELECT (SELECT count(*) FROM job_logs), (SELECT count(*) FROM job_attempts)") == [
        (0, 0)
    ]
