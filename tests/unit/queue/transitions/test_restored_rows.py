"""Numbers never go back, whichever of them an older backup took back, and wherever the greater one is still told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from themis.core.queue.folder import locks
from themis.core.queue.model import layout
from themis.core.queue.transitions import restored_rows
from themis.core.stores.job_rows import JobRow

RUN = "run-1"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        opened.submit(RUN)
        claim = opened.claim()
        assert claim is not None
        claim.give_back()
        yield opened


def _row(here: World) -> JobRow:
    row = here.store.load(here.job(RUN).key)
    assert row is not None
    return row


def _told(here: World, **facts: object) -> None:
    path = here.queue.path / layout.JOURNAL / f"{here.job(RUN).key}.jsonl"
    path.write_text(json.dumps({"move": "claim", **facts}) + "\n")


def _raised(here: World) -> JobRow | None:
    return restored_rows.raise_restored_row(here.queue._folder.parts()[0], here.store, here.job(RUN).key)


@pytest.mark.parametrize(
    ("version", "attempt", "after"),
    [
        (3, 1, None),  # as they are
        (2, 0, None),
        (4, 1, (5, 1)),
        (3, 2, (4, 2)),
        (9, 5, (10, 5)),
        (1, 5, (4, 5)),
        (9, 0, (10, 1)),
        (True, True, None),
        ("9", [5], None),
        (10**9, 10**9, None),
        (10**8, 1, None),
        (10**8 - 1, 1, (10**8, 1)),
        (-1, None, None),
    ],
)
def test_a_row_starts_above_every_number_that_the_journal_tells(
    here: World, version: object, attempt: object, after: tuple[int, int] | None
) -> None:
    before = _row(here)
    assert (before.version, before.attempt) == (3, 1)
    _told(here, version=version, attempt=attempt)
    assert restored_rows.is_behind(here.queue._folder.parts()[0], before) is (after is not None)
    raised = _raised(here)
    if after is None:
        assert raised is None
        assert _row(here) == before
    else:
        assert raised == _row(here)
        assert (raised.version, raised.attempt) == after
        assert raised._replace(version=3, attempt=1, updated_ns=before.updated_ns) == before
        assert _raised(here) is None, "once is enough"


def test_a_name_in_hand_tells_an_attempt_too_and_another_jobs_does_not(here: World) -> None:
    key, root = here.job(RUN).key, here.queue._folder.parts()[0]
    claimed = here.queue.path / "claimed"
    (claimed / layout.claimed_name(f"{key}.s000of002", 7, "0" * 16)).touch()
    assert not restored_rows.is_behind(root, _row(here))
    (claimed / layout.claimed_name(key, 4, "0" * 16)).touch()
    assert restored_rows.is_behind(root, _row(here))
    assert not restored_rows.is_behind(root, _row(here), [])
    raised = _raised(here)
    assert raised is not None
    assert (raised.version, raised.attempt) == (4, 4)


def test_what_is_in_hand_is_left_alone(here: World) -> None:
    _told(here, version=9, attempt=9)
    lock = locks.acquire(here.queue.path / "locks", here.job(RUN).key)
    assert lock is not None
    assert _raised(here) is None
    lock.release()
    assert _raised(here) is not None
    assert restored_rows.raise_restored_row(here.queue._folder.parts()[0], here.store, "0" * 16) is None
