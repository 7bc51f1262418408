"""Workers are woken by the end of a job that others wait for, and by no other end."""

from pathlib import Path

import pytest

from tests.processes.queue_world import world
from themis.core.queue.folder import bell
from themis.core.queue.model.predecessors import Predecessors


def test_the_bell_rings_when_a_job_ends_that_others_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with world(tmp_path) as here:
        here.submit("a")
        here.submit("b")
        here.queue.submit(here.job("c", after=Predecessors((here.job("a").key,))))
        first, second = here.claimed(), here.claimed()
        rung: list[object] = []
        monkeypatch.setattr(bell, "ring", rung.append)
        here.finish(second)
        assert rung == []
        here.finish(first)
        assert len(rung) == 1


def test_a_waiting_job_of_a_later_submission_wakes_though_its_predecessor_was_claimed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as here:
        here.submit("a")
        claim = here.claimed()
        here.queue.submit(here.job("c", after=Predecessors((here.job("a").key,))))
        rung: list[object] = []
        monkeypatch.setattr(bell, "ring", rung.append)
        here.finish(claim)
        assert len(rung) == 1
