"""When a queue will be empty."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.queue.admin.forecast import LATEST, Backlog, Pace, Paces, Past, Work, forecast, makespan

seconds = st.floats(0, 1e6)
jobs_of = st.lists(st.tuples(st.floats(0, 1e5), seconds), max_size=30)
busy_of = st.lists(seconds, max_size=8)
slots_of = st.integers(1, 8)


@given(st.integers(0, 200), slots_of, st.integers(1, 10**6))
def test_equal_jobs_take_as_many_rounds_as_the_slots_need(jobs: int, slots: int, ms: int) -> None:
    found = makespan([], [(0.0, ms / 1_000)] * jobs, slots)
    assert found == pytest.approx(math.ceil(jobs / slots) * ms / 1_000)


@given(busy_of, jobs_of, slots_of, st.tuples(st.floats(0, 1e5), seconds), st.data())
def test_one_more_job_wherever_it_stands_never_ends_sooner(
    busy: list[float], jobs: list[tuple[float, float]], slots: int, more: tuple[float, float], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(jobs)))
    assert makespan(busy, [*jobs[:place], more, *jobs[place:]], slots) >= makespan(busy, jobs, slots)


@given(busy_of, jobs_of, slots_of)
def test_one_more_slot_never_ends_later(busy: list[float], jobs: list[tuple[float, float]], slots: int) -> None:
    assert makespan(busy, jobs, slots + 1) <= makespan(busy, jobs, slots)


@given(busy_of, jobs_of, slots_of)
def test_it_ends_neither_before_it_can_nor_after_one_by_one(
    busy: list[float], jobs: list[tuple[float, float]], slots: int
) -> None:
    found = makespan(busy, jobs, slots)
    lower = max([*busy, *(ready + took for ready, took in jobs)], default=0.0)
    upper = max((ready for ready, _ in jobs), default=0.0) + sum(busy) + sum(took for _, took in jobs)
    assert lower <= found <= upper * (1 + 1e-9)


def test_a_job_that_waits_for_its_time_keeps_no_slot_from_the_others() -> None:
    assert makespan([], [(100.0, 5.0), (0.0, 60.0), (0.0, 60.0)], 1) == 125.0


def test_what_runs_beyond_the_slots_ends_and_makes_no_room() -> None:
    assert makespan([1.0, 50.0], [(0.0, 10.0)] * 3, 1) == 50.0
    assert makespan([1.0, 2.0], [(0.0, 10.0)] * 3, 1) == 31.0


def test_the_pace_is_that_of_the_latest_runs_most_like_it() -> None:
    past = [Past(("model, prompt", "model"), 2.0), Past(("other", "model"), 4.0), Past(("x", "y"), 100.0)]
    paces = Paces(past)
    assert paces.of(("model, prompt", "model")) == Pace(2.0, 2.0, 2.0)
    assert paces.of(("new prompt", "model")) == Pace(2.5, 3.0, 3.5)
    assert paces.of(("?", "?")) == Pace(3.0, 4.0, 52.0)
    assert Paces([]).of(("model",)) is None


def test_one_run_that_hung_and_runs_of_long_ago_change_nothing() -> None:
    latest = [Past(("a",), 1.0)] * (LATEST - 1)
    paces = Paces([Past(("a",), 10_000.0), *latest, *[Past(("a",), 500.0)] * 1_000])
    assert paces.of(("a",)) == Pace(1.0, 1.0, 1.0)


@given(st.integers(1, 40), slots_of, st.integers(0, 100_000))
def test_jobs_that_were_not_looked_at_count_as_the_others(jobs: int, slots: int, beyond: int) -> None:
    paces = Paces([Past(("a",), 0.5)])
    work = [Work(("a",), 10)] * jobs
    found = forecast(Backlog([], work, beyond), slots, paces)
    more = forecast(Backlog([], work, beyond + 1), slots, paces)
    assert found is not None
    assert more is not None
    assert (found.sampled, found.jobs) == (jobs, jobs + beyond)
    exact = math.ceil((jobs + beyond) / slots) * 5.0
    assert exact - 5.0 <= found.middle_s <= exact + 5.0
    assert more.middle_s >= found.middle_s


def test_a_forecast_says_how_sure_it_is() -> None:
    paces = Paces([Past(("a",), pace) for pace in (1.0, 2.0, 3.0, 4.0, 5.0)])
    found = forecast(Backlog([Work(("a",), 50, left_s=7.0)], [Work(("a",), 10)]), 1, paces)
    assert found is not None
    assert (found.low_s, found.middle_s, found.high_s) == (27.0, 37.0, 47.0)


def test_without_any_run_before_nobody_can_say_unless_there_is_nothing_to_do() -> None:
    assert forecast(Backlog(queued=[Work(("a",), 3)]), 1, Paces([])) is None
    assert forecast(Backlog(beyond=3), 1, Paces([Past(("a",), 1.0)])) is None
    nothing = forecast(Backlog(), 1, Paces([]))
    assert nothing is not None
    assert nothing.middle_s == 0.0
    known = forecast(Backlog([Work(("a",), 3, left_s=2.0)]), 1, Paces([]))
    assert known is not None
    assert known.middle_s == 2.0


def test_the_queue_is_not_empty_before_its_last_job_may_begin() -> None:
    backlog = Backlog(queued=[Work(("a",), 1, ready_s=30.0)], last_ready_s=3_600.0)
    found = forecast(backlog, 4, Paces([Past(("a",), 2.0)]))
    assert found is not None
    assert (found.low_s, found.middle_s, found.work_s) == (3_600.0, 3_600.0, 2.0)
