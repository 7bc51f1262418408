"""Two hosts at one queue of rows: the same promise as on a share, where the lease alone tells who lives elsewhere."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.contracts.test_two_hosts import HOSTS, Held, TwoHosts
from tests.processes.row_world import RowWorld, clocked_url
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.model.states import JobState

if TYPE_CHECKING:
    from tests.processes.queue_world import World


class RowsOnTwoHosts(TwoHosts):
    """The same, with no lock that a job could be behind: whoever's lease is over loses it, on its own host too."""

    def _open(self) -> "dict[str, World]":
        url = clocked_url()
        self.rows = {host: RowWorld(url, f"worker-{host}") for host in HOSTS}
        for host, world in self.rows.items():
            world.as_host(host)
        return dict(self.rows)

    @rule(host=st.sampled_from(HOSTS))
    def claim(self, host: str) -> None:
        here = self.rows[host]
        here.run("UPDATE jobs SET ready_ns = NULL WHERE state = 'queued'")
        claim = here.claim()
        self._recovered_by(host)
        free = {run for run, job in self.model.items() if job.state == JobState.QUEUED}
        if claim is None and free:
            # What was just recovered waits for its next try.
            here.run("UPDATE jobs SET ready_ns = NULL WHERE state = 'queued'")
            claim = here.claim()
        assert (claim is None) == (not free)
        if claim is not None:
            self.model[claim.row.run_id].state = JobState.RUNNING
            self.held.append(Held(claim, host, self._now() + LEASE_S))  # type: ignore[arg-type]

    def _takes(self, host: str, held: Held) -> bool:
        """Of its own dead at once, and whosever lease is over."""
        return (held.host == host and not held.alive) or held.until_s < self._now()

    def _locked(self, run: str, host: str) -> bool:
        return False

    def _wait(self, seconds: float) -> None:
        # A little more, as real time passes too.
        self.ahead_s += seconds + 1.0
        self.rows["a"].put_clock(seconds + 1.0)
        self.rows["b"].put_clock(0.0)


RowsOnTwoHosts.TestCase.settings = settings(
    max_examples=10, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoHostsKeepThePromiseWithRows = pytest.mark.slow(RowsOnTwoHosts.TestCase)
