"""The answers that a stored run was scored for, to be shown beside those of another run."""

from collections.abc import Iterable

from themis.core.base import JSONValue
from themis.core.comparison.scores import RunScores
from themis.core.inspection import get_run_snapshot
from themis.core.stores.protocol import RunStore
from themis.core.stores.stored_cases import read_cases


def answers_of(store: RunStore, run: RunScores, case_keys: Iterable[str]) -> list[JSONValue]:
    """Return what was parsed of the reduced answer to each case; None where there is none."""
    snapshot = get_run_snapshot(store, run.run_id)
    found: list[JSONValue] = []
    for number in (run.case_numbers[key] for key in case_keys):
        (case,) = read_cases(store, snapshot, store.ends_between(run.run_id, number, number + 1))
        parsed = case.parsed(case.reduced())
        found.append(None if parsed is None else parsed.value)
    return found
