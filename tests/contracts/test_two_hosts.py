"""Two hosts at one queue, whose locks do not reach each other: the promise holds, and leases are respected."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.contracts.test_queue_promise import MEMORY, Job
from tests.processes.queue_world import ClockedDatabase, World, later
from themis.core.errors import ClaimLostError
from themis.core.queue import AttemptOutcome, Cause, Claim
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.model.states import ENDED, JobState

RUNS = ("run-1", "run-2")
HOSTS = ("a", "b")
CAUSES = (Cause.DONE, Cause.TRANSIENT, Cause.GIVEN_BACK, Cause.LEASE_LOST)


@dataclass
class Held:
    """A claim in a worker's hands, as the test knows it; stale when another host has taken the job."""

    claim: Claim
    host: str
    until_s: float
    alive: bool = True
    stale: bool = False

    @property
    def run(self) -> str:
        return self.claim.row.run_id


class TwoHosts(RuleBasedStateMachine):
    """Workers of two hosts, that die, are suspended and come back, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="two-hosts-", dir=MEMORY if MEMORY.is_dir() else None))
        self.worlds = self._open()
        self.model: dict[str, Job] = {}
        self.held: list[Held] = []
        self.real_clock = time.monotonic
        self.clock_of_databases = ClockedDatabase.ahead_s
        self.ahead_s = 0.0
        time.monotonic = lambda: self.real_clock() + self.ahead_s

    def teardown(self) -> None:
        try:
            for held in self.held:
                held.claim.abandon()
            self._wait(LEASE_S)
            for _ in HOSTS if self.model else ():
                for here in self.worlds.values():
                    here.drain()
            for run in self.model:
                self.worlds["a"].assert_promise(run)
        finally:
            time.monotonic = self.real_clock
            ClockedDatabase.ahead_s = self.clock_of_databases
            for here in self.worlds.values():
                here.close()
            shutil.rmtree(self.folder)

    def _open(self) -> dict[str, World]:
        """The queue as a worker of each host sees it."""
        return {host: World(self.folder, f"worker-{host}", host=host) for host in HOSTS}

    # --- what happens

    @rule(run=st.sampled_from(RUNS), host=st.sampled_from(HOSTS))
    def submit(self, run: str, host: str) -> None:
        if self._locked(run, host):
            return
        self.worlds[host].submit(run)
        self.model.setdefault(run, Job())

    @rule(seconds=st.sampled_from((LEASE_S / 4, LEASE_S / 2, LEASE_S)))
    def time_passes(self, seconds: float) -> None:
        self._wait(seconds)

    @rule(host=st.sampled_from(HOSTS))
    def claim(self, host: str) -> None:
        here = self.worlds[host]
        with later():
            claim = here.claim()
        self._recovered_by(host)
        free = {run for run, job in self.model.items() if job.state == JobState.QUEUED and not self._locked(run, host)}
        assert (claim is None) == (not free)
        if claim is not None:
            assert claim.row.run_id in free
            self.model[claim.row.run_id].state = JobState.RUNNING
            self.held.append(Held(claim, host, self._now() + LEASE_S))

    @rule(host=st.sampled_from(HOSTS))
    def recover(self, host: str) -> None:
        here = self.worlds[host]
        recovered = {row.run_id for row in here.queue.recover(here.owner)}
        assert recovered == self._recovered_by(host)

    @rule(host=st.sampled_from(HOSTS))
    def doctor(self, host: str) -> None:
        if self.model:
            with self.worlds[host].at_home():
                self.worlds[host].queue.admin.doctor()
            self._recovered_by(host)

    @rule(run=st.sampled_from(RUNS), host=st.sampled_from(HOSTS))
    def cancel(self, run: str, host: str) -> None:
        job = self.model.get(run)
        if job is None or (job.state == JobState.QUEUED and self._locked(run, host)):
            return
        with self.worlds[host].at_home():
            row = self.worlds[host].queue.admin.cancel(self._key(run))
        if job.state == JobState.QUEUED:
            job.state = JobState.CANCELLED
        elif job.state == JobState.RUNNING:
            job.asked = True
            if not self._locked(run, host):
                self._recovered_by(host)
        assert row.state == job.state

    @rule(run=st.sampled_from(RUNS), host=st.sampled_from(HOSTS))
    def retry(self, run: str, host: str) -> None:
        job = self.model.get(run)
        if job is None or job.state not in {JobState.FAILED, JobState.CANCELLED} or self._locked(run, host):
            return
        assert self.worlds[host].queue.admin.retry(self._key(run)).state == JobState.QUEUED
        job.back()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        held.claim.abandon()
        held.alive = False
        if held.stale:
            self.held.remove(held)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        if not held.alive:
            return
        if held.stale:
            with pytest.raises(ClaimLostError):
                held.claim.renew()
            with pytest.raises(ClaimLostError):
                self.worlds[held.host].store.check_fence(held.claim.fence)
        else:
            held.claim.renew()
            held.until_s = self._now() + LEASE_S

    @precondition(lambda self: self.held)
    @rule(data=st.data(), cause=st.sampled_from(CAUSES))
    def settle(self, data: st.DataObject, cause: Cause) -> None:
        held = data.draw(st.sampled_from(self.held))
        if not held.alive:
            return
        self.held.remove(held)
        here, job = self.worlds[held.host], self.model[held.run]
        if held.stale:
            with pytest.raises(ClaimLostError):
                here.finish(held.claim, AttemptOutcome(cause, "too late"))
            return
        state = here.finish(held.claim, AttemptOutcome(cause, "as drawn"))
        if cause is Cause.DONE:
            job.state, job.results = JobState.DONE, job.results + 1
        else:
            job.tried(failures=cause is Cause.TRANSIENT)
        assert state == job.state

    @invariant()
    def every_row_is_what_the_model_says(self) -> None:
        here = self.worlds["a"]
        for run, job in self.model.items():
            row = here.store.load(self._key(run))
            assert row is not None
            assert row.state == job.state
            assert (row.failures, row.lost, row.cancel_requested) == (job.failures, job.lost, job.asked)
            assert (row.lease_until_ms is not None) == (row.state == JobState.RUNNING)
            assert here.results_of(run) == job.results <= 1
            assert len(here.files_of(row.key)) == 1
            assert job.state not in ENDED or not any(held.run == run and not held.stale for held in self.held)

    # --- what the model knows

    def _recovered_by(self, host: str) -> set[str]:
        """Take their jobs from owners, as a host does: of its own dead at once, of another when the lease is over."""
        taken = set()
        for held in list(self.held):
            if not held.stale and self._takes(host, held):
                self.model[held.run].tried(lost=1)
                taken.add(held.run)
                held.stale = True
                if not held.alive:
                    self.held.remove(held)
        return taken

    def _takes(self, host: str, held: Held) -> bool:
        """Whether a host takes a job from its owner."""
        return not self._locked(held.run, host) and (held.host == host or held.until_s < self._now())

    def _locked(self, run: str, host: str) -> bool:
        """Whether a worker of a host has the lock on a job, be it stale."""
        return any(held.run == run and held.host == host and held.alive for held in self.held)

    def _wait(self, seconds: float) -> None:
        # A little more, as real time passes too.
        self.ahead_s += seconds + 1.0
        ClockedDatabase.ahead_s += seconds + 1.0

    def _now(self) -> float:
        return time.monotonic()

    def _key(self, run: str) -> str:
        return self.worlds["a"].job(run).key


TwoHosts.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTwoHostsKeepThePromise = TwoHosts.TestCase


class TwoHostsForLong(TwoHosts):
    """The same with more examples."""


TwoHostsForLong.TestCase.settings = settings(TwoHosts.TestCase.settings, max_examples=60)
TestTwoHostsKeepThePromiseForLong = pytest.mark.slow(TwoHostsForLong.TestCase)
