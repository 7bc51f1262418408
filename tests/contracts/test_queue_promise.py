"""Whatever people, workers and crashes do, in any order, the queue does what a ten-line model says."""

import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.processes.queue_world import World
from themis.core.errors import ClaimLostError, JobStateError, UnknownJobError
from themis.core.queue import AttemptOutcome, Cause, Claim
from themis.core.queue.model.states import ENDED, JobState

RUNS = ("run-1", "run-2")
WORKERS = ("a", "b")
MEMORY = Path("/dev/shm")  # noqa: S108  # nothing here depends on a disk, and without one it is much quicker
# One of each kind: all of them are in the unit tests, and here each must come up often.
CAUSES = (Cause.DONE, Cause.TRANSIENT, Cause.CONFIGURATION, Cause.GIVEN_BACK, Cause.WORKER_LOST, Cause.CANCELLED)
MAX_ATTEMPTS = MAX_LOST = 3


class Job:
    """The model: what must be true of one job."""

    def __init__(self) -> None:
        """A job that was just submitted."""
        self.state, self.failures, self.lost, self.asked, self.results = JobState.QUEUED, 0, 0, False, 0

    def tried(self, *, failures: int = 0, lost: int = 0) -> None:
        """An attempt ended without a result."""
        self.failures, self.lost = self.failures + failures, self.lost + lost
        if (failures and self.failures >= MAX_ATTEMPTS) or (lost and self.lost >= MAX_LOST):
            self.state = JobState.FAILED
        else:
            self.state = JobState.CANCELLED if self.asked else JobState.QUEUED

    def back(self) -> None:
        """Somebody sent it back."""
        self.state, self.failures, self.lost, self.asked = JobState.QUEUED, 0, 0, False


class QueueMachine(RuleBasedStateMachine):
    """Two workers and a person at one queue, with workers that die and come back."""

    shared = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="queue-machine-", dir=MEMORY if MEMORY.is_dir() else None))
        self.here = self.world()
        self.model: dict[str, Job] = {}
        self.claims: dict[str, Claim] = {}
        self.stale: list[Claim] = []

    def world(self) -> World:
        """A new queue."""
        return World(self.folder, shared=self.shared)

    def teardown(self) -> None:
        for claim in self.claims.values():
            claim.abandon()
        if self.model:
            self.here.drain()
            for run in self.model:
                self.here.assert_promise(run, ended_by_people=100)
        self.here.close()
        shutil.rmtree(self.folder)

    @rule(run=st.sampled_from(RUNS), rerun=st.booleans())
    def submit(self, run: str, rerun: bool) -> None:
        submission = self.here.queue.submit(self.here.job(run), prepare=lambda: self.here._make_run(run), rerun=rerun)
        job = self.model.setdefault(run, Job())
        if rerun and job.state in ENDED:
            job.back()
        assert submission.state == job.state

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        if worker in self.claims:
            return
        with self.here.later():
            claim = self.here.claim()
        if not self.model:
            assert claim is None
            return
        self._dead_are_found()
        wanted = [job for job in self.model.values() if job.state == JobState.QUEUED]
        assert (claim is None) == (not wanted)
        if claim is not None:
            job = self.model[claim.row.run_id]
            assert job.state == JobState.QUEUED
            job.state = JobState.RUNNING
            self.claims[worker] = claim

    @rule(worker=st.sampled_from(WORKERS), cause=st.sampled_from(CAUSES))
    def settle(self, worker: str, cause: Cause) -> None:
        claim = self.claims.pop(worker, None)
        if claim is None:
            return
        job = self.model[claim.row.run_id]
        state = self.here.finish(claim, AttemptOutcome(cause, "as drawn"))
        if cause is Cause.DONE:
            job.state, job.results = JobState.DONE, job.results + 1
        elif cause is Cause.CANCELLED:
            job.state = JobState.CANCELLED
        elif cause is Cause.CONFIGURATION:
            job.state = JobState.FAILED
        elif cause is Cause.GIVEN_BACK:
            job.tried()
        else:
            job.tried(failures=cause is not Cause.WORKER_LOST, lost=cause is Cause.WORKER_LOST)
        assert state == job.state
        self.stale.append(claim)

    @rule(worker=st.sampled_from(WORKERS))
    def crash(self, worker: str) -> None:
        claim = self.claims.pop(worker, None)
        if claim is not None:
            claim.abandon()
            self.stale.append(claim)

    @rule()
    def recover(self) -> None:
        self.here.queue.recover(self.here.owner)
        self._dead_are_found()

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def a_stale_worker_comes_back(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.stale))
        row = self.here.store.load(claim.key)
        assert row is not None
        if row.version == claim.version:
            return  # nobody has noticed that it died: it would still be the owner, if it had not lost its lock
        with pytest.raises(ClaimLostError):
            self.here.finish(claim)
        with pytest.raises(ClaimLostError):
            self.here.store.check_fence(claim.fence)

    @rule(run=st.sampled_from(RUNS))
    def cancel(self, run: str) -> None:
        key = self.here.job(run).key
        if run not in self.model:
            if self.model:
                with pytest.raises(UnknownJobError):
                    self.here.queue.admin.cancel(key)
            return
        job = self.model[run]
        held = [claim for claim in self.claims.values() if claim.key == key]
        row = self.here.queue.admin.cancel(key)
        if job.state == JobState.QUEUED:
            job.state = JobState.CANCELLED
        elif job.state == JobState.RUNNING:
            job.asked = True
            if held:
                assert held[0].is_cancel_requested()
            else:
                self._dead_are_found()
        assert row.state == job.state

    @rule(run=st.sampled_from(RUNS), rerun=st.booleans())
    def send_back(self, run: str, rerun: bool) -> None:
        job = self.model.get(run)
        if job is None:
            return
        key = self.here.job(run).key
        send = self.here.queue.admin.rerun if rerun else self.here.queue.admin.retry
        if job.state in ENDED and (rerun or job.state != JobState.DONE):
            assert send(key).state == JobState.QUEUED
            job.back()
        else:
            with pytest.raises(JobStateError):
                send(key)

    @rule(
        run=st.sampled_from(RUNS), priority=st.none() | st.integers(0, 9), minutes=st.none() | st.sampled_from((-1, 1))
    )
    def reschedule(self, run: str, priority: int | None, minutes: int | None) -> None:
        job = self.model.get(run)
        if job is None:
            return
        key = self.here.job(run).key
        # What waits for a minute is due when `claim` looks, an hour later.
        not_before_ns = None if minutes is None else time.time_ns() + minutes * 60_000_000_000
        if job.state == JobState.QUEUED:
            row = self.here.queue.admin.reschedule(key, priority=priority, not_before_ns=not_before_ns)
            assert (row.state, row.priority) == (JobState.QUEUED, row.priority if priority is None else priority)
        else:
            with pytest.raises(JobStateError):
                self.here.queue.admin.reschedule(key, priority=priority, not_before_ns=not_before_ns)

    @precondition(lambda self: self.model)
    @rule()
    def prune(self) -> None:
        ended = {self.here.job(run).key for run, job in self.model.items() if job.state in ENDED}
        found = self.here.queue.admin.prunable(
            ("done", "failed", "cancelled"), time.time_ns() + 10**14
        )  # `claim` is an hour ahead
        assert {item.name for item in self.here.queue.admin.prune(found)} == ended
        assert {row.key for row in self.here.queue.admin.select()}.isdisjoint(ended)
        for run in self.model:  # and every one comes back as it ended
            if self.here.job(run).key in ended:
                assert self.here.queue.submit(self.here.job(run)).state == self.model[run].state

    @precondition(lambda self: self.model)
    @rule()
    def nobody_claims_while_it_is_paused(self) -> None:
        self.here.queue.admin.pause()
        assert self.here.claim() is None
        self.here.queue.admin.resume()

    @precondition(lambda self: self.model)
    @rule(seed=st.integers(0, 9))
    def files_vanish_and_the_doctor_comes(self, seed: int) -> None:
        keys = {claim.key for claim in self.claims.values()}
        for folder in ("queued", "waiting", "done", "failed", "cancelled"):
            for path in sorted((self.here.queue.path / folder).iterdir()):
                if random.Random(f"{seed}{path.name}").random() < 0.5 and not any(key in path.name for key in keys):
                    path.unlink()
        self.here.queue.admin.doctor()
        self._dead_are_found()

    @invariant()
    def every_row_is_what_the_model_says(self) -> None:
        for run, job in self.model.items():
            row = self.here.store.load(self.here.job(run).key)
            assert row is not None
            assert row.state == job.state
            assert (row.failures, row.lost, row.cancel_requested) == (job.failures, job.lost, job.asked)
            assert self.here.results_of(run) == job.results
            assert len(self.here.files_of(row.key)) == 1

    def _dead_are_found(self) -> None:
        """Recovery has run: whoever is running in the model and held by nobody has lost its worker."""
        held = {claim.row.run_id for claim in self.claims.values()}
        for run, job in self.model.items():
            if job.state == JobState.RUNNING and run not in held:
                job.tried(lost=1)


QueueMachine.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTheQueueDoesWhatTheModelSays = QueueMachine.TestCase


class LongQueueMachine(QueueMachine):
    """The same with more examples."""


LongQueueMachine.TestCase.settings = settings(QueueMachine.TestCase.settings, max_examples=60)
TestTheQueueDoesWhatTheModelSaysForLong = pytest.mark.slow(LongQueueMachine.TestCase)


class SharedQueueMachine(QueueMachine):
    """The same at a queue that several hosts share, on one of them: there the locks decide as ever."""

    shared = True


SharedQueueMachine.TestCase.settings = settings(QueueMachine.TestCase.settings, max_examples=8)
TestASharedQueueDoesOnOneHostWhatTheModelSays = SharedQueueMachine.TestCase
