"""A job as it is now: one value, of which the terminal and `--json` show the same."""

import json
from pathlib import Path

from tests.processes.queue_world import world
from themis.core.monitor.jobs import job_now, logs_by_attempt
from themis.core.queue import AttemptOutcome, Cause

RUN = "run-1"


def test_a_queued_job_says_why_it_does_not_run_and_what_to_type(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        key = here.job(RUN).key
        now = job_now(here.queue, key[:6])
        assert [reason.word for reason in now.reasons] == ["next", "no worker"]
        assert now.why.endswith(f"no worker is running; start one with: themis worker --queue-root {here.queue.path}")
        document = json.loads(json.dumps(now.document()))
        assert (document["key"], document["state"], document["owner"]) == (key, "queued", None)
        assert (document["why"], document["attempts"], document["alive"]) == (now.why, [], False)


def test_a_running_job_names_its_owner_and_an_ended_one_its_attempts_and_its_end(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claim()
        assert claim is not None
        running = job_now(here.queue, claim.key)
        assert running.document()["owner"]["worker"] == here.owner.worker
        assert running.why.startswith("it has been running for ")
        assert running.reasons == ()
        claim.settle(AttemptOutcome(Cause.CONFIGURATION, "no such model"))
        ended = job_now(here.queue, claim.key)
        assert ended.why == f"configuration: no such model; themis queue retry {claim.key} queues it again"
        assert [attempt["cause"] for attempt in ended.document()["attempts"]] == ["configuration"]


def test_the_parts_of_a_log_stand_by_attempt_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        key = here.job(RUN).key
        folder = here.queue.log_path(key, 1).parent
        folder.mkdir(parents=True)
        for name in ("2.log", "1.log", "1.log.1", "notes.txt"):
            (folder / name).touch()
        details = job_now(here.queue, key).details
        assert {no: [path.name for path in paths] for no, paths in logs_by_attempt(details).items()} == {
            1: ["1.log.1", "1.log"],
            2: ["2.log"],
        }
        assert list(logs_by_attempt(details, 2)) == [2]
        assert logs_by_attempt(details, 3) == {}
