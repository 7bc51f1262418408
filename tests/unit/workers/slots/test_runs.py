"""What a worker does with a job that it has claimed and cannot begin."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.processes.queue_world import world
from themis.core.queue import Cause
from themis.core.queue.model.states import JobState
from themis_workers.settings import WorkerSettings
from themis_workers.slots.runs import Runs


def test_a_manifest_that_has_no_place_in_an_order_ends_its_job_and_not_the_worker(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        submission = here.queue.submit(here.job("victim"), prepare=lambda: here._make_run("victim"))
        # Small enough as it lies there; written again, in ASCII, it is three times as long.
        text = submission.path.read_text().replace('{"run":"victim"}', f'{{"run":"{"é" * 20_000}"}}')
        submission.path.write_text(text, encoding="utf-8")
        claim = here.claim()
        assert claim is not None
        context = cast("Any", SimpleNamespace(queue=here.queue, cgroups=None, owner=here.owner))
        assert Runs(context).begin(cast("Any", SimpleNamespace(number=0)), claim, WorkerSettings()) is False
        row = here.store.load(claim.key)
        assert row is not None
        assert (row.state, row.cause) == (JobState.FAILED, Cause.INVALID_MANIFEST)
        assert not claim.lock.is_held
