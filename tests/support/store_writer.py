"""One of many processes that write into the same store at once."""

import json
from contextlib import closing
from pathlib import Path

from tests.support.lab import dataset, experiment
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores import sqlite_store

PROCESSES = 16
CASES_EACH = 40
CASES = (PROCESSES + 1) * CASES_EACH
"""Each process has cases of its own, and there are as many that all of them write."""

_TOGETHER = 5


def shared_run() -> RunSnapshot:
    """The run that all processes make."""
    return experiment(datasets=[dataset(CASES)]).compile()


def write_many(path: Path, number: int) -> None:
    """Make the run, then write one's own cases and some that all write, by and by."""
    text = json.dumps("shared " * 100)
    with closing(sqlite_store(path)) as store:
        snapshot = shared_run()
        store.create_run(snapshot)
        for step in range(0, CASES_EACH, _TOGETHER):
            places = range(step, step + _TOGETHER)
            numbers = [own * CASES_EACH + place for own in (number, PROCESSES) for place in places]
            outcomes = [Outcome(no, Stage.GENERATE, 0, True, 0, None, text, "{}") for no in numbers]
            ends = [CaseEnd(no, 0, f"q{no}", b"0" * 16, False, Stage.JUDGE) for no in numbers]
            store.append(snapshot.run_id, outcomes, ends)
            store.count_ends(snapshot.run_id)
