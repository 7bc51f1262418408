"""What a queue that hosts share does when a host that may be taken away is lost: it charges nobody, within bounds."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.processes.queue_world import ClockedDatabase, World, world
from tests.processes.row_world import RowWorld, clocked_url
from tests.unit.queue.folder.test_registration import report_of
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.model.states import Cause, JobState
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.queue.transitions import lost_hosts
from themis.core.stores.job_rows import JobRow


class Hosts:
    """Two hosts at one queue: `a`, whose worker is lost, and `b`, which takes its jobs over."""

    def __init__(self, a: World, b: World, wait: Callable[[], None]) -> None:
        """Register the worker of `a`."""
        self.a, self.b, self._wait = a, b, wait
        self.key = a.submit("run")

    def says(self, **facts: Any) -> None:
        """Have the worker of `a` register, and report."""
        owner = asdict(self.a.owner)
        process = {name: owner[name] for name in ("host", "boot_id", "pid", "pid_started")}
        with self.a.at_home():
            self.a.queue.register(self.a.owner).write(report_of(self.a.owner.worker, **process | facts))

    def lose(self, *, seen: bool = False) -> JobRow:
        """Lose the worker of `a` while it runs the job; the job, as `b` recovers it, or `a` that sees it die."""
        with self.a.at_home():
            claim = self.a.claimed()
            if seen:
                claim.abandon()
        self._wait()
        by = self.a if seen else self.b
        with by.at_home():
            (row,) = by.queue.recover(by.owner)
        if not seen:
            with self.a.at_home():
                claim.lose()
        return row

    def causes(self) -> list[str]:
        """How the attempts ended."""
        return [attempt.cause for attempt in self.b.store.attempts(self.key)]


@pytest.fixture(params=["folder", pytest.param("rows", marks=pytest.mark.slow)])
def hosts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    if request.param == "rows":
        url = clocked_url()
        with closing(RowWorld(url, "worker-a")) as a, closing(RowWorld(url, "worker-b")) as b:
            a.as_host("a")
            b.as_host("b")
            yield Hosts(a, b, lambda: a.put_clock(LEASE_S + 1))
        return
    monkeypatch.setattr(ClockedDatabase, "ahead_s", 0.0)

    def wait() -> None:
        ClockedDatabase.ahead_s += LEASE_S + 1

    with world(tmp_path, "worker-a", host="a") as one, world(tmp_path, "worker-b", host="b") as other:
        yield Hosts(one, other, wait)


def test_the_loss_of_a_host_that_may_be_taken_away_is_charged_to_nobody(hosts: Hosts) -> None:
    hosts.says(preemptible=True)
    row = hosts.lose()
    assert (row.state, row.cause, row.lost, row.failures) == (JobState.QUEUED, Cause.HOST_LOST, 0, 0)
    assert "its host may be taken away, so that nobody is charged" in (row.message or "")
    assert row.ready_ns is None, "it is continued at once"


def test_a_job_that_loses_every_host_ends_all_the_same(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_hosts, "MOST_LOST_HOSTS", 2)
    hosts.says(preemptible=True)
    for _ in range(5):
        row = hosts.lose()
    assert hosts.causes() == ["host lost"] * 2 + ["worker lost"] * 3
    assert (row.state, row.lost, row.cause) == (JobState.FAILED, 3, Cause.WORKER_LOST)


@pytest.mark.parametrize("said", [{}, {"preemptible": True, "pid": 1}, None], ids=["no", "of an earlier", "nothing"])
def test_of_another_worker_the_loss_is_charged(hosts: Hosts, said: dict[str, Any] | None) -> None:
    if said is not None:
        hosts.says(**said)
    row = hosts.lose()
    assert (row.state, row.cause, row.lost) == (JobState.QUEUED, Cause.WORKER_LOST, 1)


def test_a_worker_that_its_host_sees_dead_was_not_lost_with_the_host(hosts: Hosts) -> None:
    hosts.says(preemptible=True)
    row = hosts.lose(seen=True)
    assert (row.cause, row.lost) == (Cause.WORKER_LOST, 1)
