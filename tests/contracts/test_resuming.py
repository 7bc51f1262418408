"""What every store says of the cases that have ended, as a byte for each, and keeps of files that were read."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.lab import dataset, experiment
from themis.core.outcomes.end_codes import DONE, DONE_FAILED, done_codes, end_code
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.stores import sqlite_store
from themis.core.stores.protocol import RunStore
from themis.core.stores.sql import ended_cases

CASES = 30


def end(no: int, *, failed: bool = False, through: Stage = Stage.JUDGE) -> CaseEnd:
    return CaseEnd(no, 0, f"q{no}", bytes([no]) * 16, failed, through)


ENDS: dict[str, Callable[[int], CaseEnd | None]] = {
    "none": lambda _: None,
    "all alike": end,
    "some of them": lambda no: end(no) if no % 7 else None,
    "those at the beginning": lambda no: end(no) if no < 17 else None,
    "those at the end, some failed": lambda no: end(no, failed=no % 3 == 0) if no > 4 else None,
    "through every stage": lambda no: end(no, failed=no % 2 == 0, through=list(Stage)[no % len(Stage)]),
}


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("within", [(0, CASES), (3, 20), (29, 30), (5, 5)])
def test_each_case_has_the_byte_of_its_end(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, ends: Callable[[int], CaseEnd | None], within: tuple[int, int]
) -> None:
    monkeypatch.setattr(ended_cases, "STRETCH", 8)
    snapshot = experiment(datasets=[dataset(CASES)]).compile()
    store.create_run(snapshot)
    found = [one for no in range(CASES) if (one := ends(no)) is not None]
    store.append(snapshot.run_id, [], found)
    codes = {one.case_no: end_code(one.through, failed=one.failed) for one in found}
    assert list(store.ended_cases(snapshot.run_id, *within)) == [codes.get(no, 0) for no in range(*within)]


def test_a_case_is_done_that_came_as_far_as_is_asked_or_failed_later() -> None:
    table = done_codes(Stage.PARSE)
    failed = {stage: table[end_code(stage, failed=True)] for stage in Stage}
    assert failed == {stage: DONE_FAILED if stage > Stage.PARSE else 0 for stage in Stage}
    passed = {stage: table[end_code(stage, failed=False)] for stage in Stage}
    assert passed == {stage: DONE if stage >= Stage.PARSE else 0 for stage in Stage}
    assert table[0] == 0


def test_what_is_known_of_a_file_may_be_forgotten_and_is_never_another(store: RunStore) -> None:
    store.keep_known_files({"one": "1", "two": "2"})
    store.keep_known_files({"one": "3"})
    store.keep_known_files({})
    assert store.known_file("one") in {None, "3"}
    assert store.known_file("two") in {None, "2"}
    assert store.known_file("three") is None


def test_a_store_in_a_file_keeps_what_is_known(tmp_path: Path) -> None:
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store:
        store.keep_known_files({"one": "1", "store_id": "2"})
        assert (store.known_file("one"), store.known_file("store_id")) == ("1", "2")
        assert store.jobs.store_id != "2"
