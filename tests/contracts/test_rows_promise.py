"""Whatever people, workers and crashes do, in any order, a queue of rows does what the same model says as a folder."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contracts.test_queue_promise import QueueMachine
from tests.processes.queue_world import World
from tests.processes.row_world import RowWorld, clocked_url


class RowsMachine(QueueMachine):
    """The same at a queue of rows: there are no files that could vanish."""

    def world(self) -> World:
        return RowWorld(clocked_url())

    files_vanish_and_the_doctor_comes: Any = None


RowsMachine.TestCase.settings = settings(
    max_examples=10, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


TestAQueueOfRowsDoesWhatTheModelSays = pytest.mark.slow(RowsMachine.TestCase)
