"""A task pool grows while its members wait, and does not wait for that when there is nothing left to do."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from themis.core.engine import task_pool
from themis.core.engine.task_pool import FIRST_MEMBERS, TaskPool

PATIENCE_S = 20.0


def run_pool(cases: Iterator[Any], work: Any, limit: int) -> None:
    asyncio.run(asyncio.wait_for(TaskPool(cases, work, limit).run(), PATIENCE_S))


def test_a_pool_is_over_with_its_last_case_not_with_its_next_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_pool, "GROWTH_INTERVAL_S", 2 * PATIENCE_S)
    done = []

    async def work(case: Any) -> None:
        await asyncio.sleep(0)
        done.append(case)

    run_pool(iter(range(5)), work, 100)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_a_pool_whose_members_wait_grows_to_its_limit_and_no_further() -> None:
    waiting = most = 0
    everybody = asyncio.Event()

    async def work(_: Any) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if waiting == 50:
            everybody.set()
        await everybody.wait()
        waiting -= 1

    run_pool(iter(range(500)), work, 50)
    assert FIRST_MEMBERS < most == 50


def test_what_a_member_raises_ends_the_pool_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_pool, "GROWTH_INTERVAL_S", 2 * PATIENCE_S)

    async def work(case: Any) -> None:
        if case == 1:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        run_pool(iter(range(5)), work, 100)


def test_a_pool_whose_members_wait_for_room_behind_them_does_not_grow() -> None:
    waiting = most = 0
    is_full = True

    async def work(_: Any) -> None:
        nonlocal waiting, most, is_full
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(3 * task_pool.GROWTH_INTERVAL_S)
        waiting -= 1

    def run() -> None:
        cases: Iterator[Any] = iter(range(50))
        pool = TaskPool(cases, work, 50, is_held_up=lambda: is_full)
        asyncio.run(asyncio.wait_for(pool.run(), PATIENCE_S))

    run()
    assert most <= FIRST_MEMBERS
    is_full = False
    run()
    assert most > FIRST_MEMBERS
