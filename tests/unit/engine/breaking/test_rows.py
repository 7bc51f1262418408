"""Failures in a row are counted over all shards of a run, in the order in which they tell of them."""

import pytest

from themis.core.engine.breaking.rows import FailureRows, Reason
from themis.core.engine.breaking.shared_rows import HOLD_MS, SharedRows
from themis.core.errors import (
    KeyRefusedError,
    ProviderOutageError,
    RepeatedFailureError,
    RunStoppedError,
    ThemisError,
)

MOST = 5
REPEATED = Reason.repeated("generate", "no answer", retryable=False)


class Run:
    """A run in several shards, which tell what ended in them."""

    def __init__(self, shards: int) -> None:
        self.shards = [FailureRows(is_shared=True) for _ in range(shards)]
        self.text: str | None = None

    def ended(self, shard: int, kinds: str) -> None:
        """End calls of a shard: `-` is a success, a letter a failure of that kind."""
        row = self.shards[shard].row("generate", MOST)
        for kind in kinds:
            if kind == "-":
                row.end()
            else:
                row.note(kind, REPEATED)

    def tell(self, shard: int) -> None:
        """Tell the others what ended in a shard."""
        found = SharedRows.read(self.text)
        found.add(self.shards[shard].take(), 1_000)
        self.text = found.text()

    @property
    def row(self) -> tuple[str, int] | None:
        """The failures in a row, over all shards."""
        return SharedRows.read(self.text).rows.get("generate")

    @property
    def stop(self) -> ThemisError | None:
        """The reason for which the run is stopped."""
        found = SharedRows.read(self.text).stop
        return None if found is None else found.reason.error


@pytest.mark.parametrize(
    ("told", "row"),
    [
        ([(0, "aa"), (1, "a")], ("a", 3)),  # a shard without a success adds its failures
        ([(0, "aa"), (1, "-a")], ("a", 1)),  # a success of any shard ends the row of all
        ([(0, "aa"), (1, "-")], None),
        ([(0, "aa"), (1, "a-")], None),
        ([(0, "aaa"), (1, "b")], ("b", 1)),  # of another kind
        ([(0, "aa"), (1, "ba")], ("a", 1)),
        ([(0, "a"), (1, "b"), (0, "b")], ("b", 2)),  # what it told before is before the others
        ([(0, "aa"), (1, "")], ("a", 2)),
        ([(0, "aa"), (0, "aa")], ("a", 4)),  # nothing counts twice
    ],
)
def test_rows_of_shards_are_joined_in_the_order_in_which_they_are_told(
    told: list[tuple[int, str]], row: tuple[str, int] | None
) -> None:
    run = Run(2)
    for shard, kinds in told:
        run.ended(shard, kinds)
        run.tell(shard)
    assert run.row == row
    assert run.stop is None


def test_the_run_stops_when_all_shards_together_have_too_many_in_a_row() -> None:
    run = Run(3)
    for shard in range(2):
        run.ended(shard, "aa")
        run.tell(shard)
    assert run.stop is None
    run.ended(2, "a")
    run.tell(2)
    assert isinstance(run.stop, RepeatedFailureError)
    assert str(run.stop).startswith("the run stopped, as generate failed 5 times in a row in the same way")
    assert run.row is None, "it starts over when the run continues"


def test_what_may_not_have_arrived_is_no_failure_but_an_end_of_the_row() -> None:
    run = Run(2)
    run.ended(0, "aaa")
    run.tell(0)
    run.ended(1, "-aa")
    taken = run.shards[1].take()
    run.shards[1].keep_cuts(taken)
    run.tell(1)
    assert run.row is None


@pytest.mark.parametrize(
    ("reason", "at_once", "later"),
    [
        (REPEATED, True, True),
        (REPEATED._replace(retryable=True), False, False),
        (Reason.refused("500", 3.0, is_key=False), True, False),
        (Reason.refused("401", None, is_key=True), True, True),
        (Reason.of_run("no such model", "generation.model"), True, True),
    ],
)
def test_a_shard_that_begins_after_a_stop_asks_only_if_it_may_help(reason: Reason, at_once: bool, later: bool) -> None:
    found = SharedRows()
    found.stop_for(reason, 1_000)
    stop = SharedRows.read(found.text()).stop
    assert stop is not None
    assert stop.reason == reason
    assert (stop.holds(1_001), stop.holds(1_000 + HOLD_MS)) == (at_once, later)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (REPEATED, RepeatedFailureError),
        (Reason.refused("500", 3.0, is_key=False), ProviderOutageError),
        (Reason.refused("401", None, is_key=True), KeyRefusedError),
        (Reason.of_run("no such model", "generation.model"), RunStoppedError),
    ],
)
def test_a_reason_is_the_error_that_the_shard_that_stopped_ended_with(reason: Reason, error: type[ThemisError]) -> None:
    assert type(reason.error) is error
    assert reason.detail in str(reason.error)


def test_what_a_later_version_adds_is_left_out() -> None:
    text = '{"v":1,"rows":{"generate":["a",2]},"stop":[5,{"kind":"new","detail":"d","why":3},7],"more":1}'
    stop = SharedRows.read(text).stop
    assert stop is not None
    assert "d" in str(stop.reason.error)


def test_each_stop_of_a_run_can_be_told_from_the_one_before() -> None:
    found = SharedRows()
    times = []
    for now_ms in (5, 5, 3):
        found.stop_for(REPEATED, now_ms)
        assert found.stop is not None
        times.append(found.stop.at_ms)
    assert times == [5, 6, 7]
