"""Limits of providers of a run whose shards several hosts carry out."""

import asyncio

import pytest

from tests.support.stores import added_run
from themis.core.config import RuntimeConfig
from themis.core.engine.extents import other_hosts
from themis.core.engine.limits.admission import Admission
from themis.core.engine.limits.providers import Providers
from themis.core.engine.limits.sharing.ledger import MemoryLedger
from themis.core.outcomes.stages import Stage
from themis.core.queue import NewJob, StoreAddress, this_process
from themis.core.queue.model import states
from themis.core.stores import InMemoryRunStore
from themis.core.stores.job_rows import Owner
from themis.core.values.run_rules import RunRules

RUNTIME = RuntimeConfig(provider_concurrency={"p": 8}, provider_rate_limits={"p": 600})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_hosts, "LOOK_S", 0.01)
    monkeypatch.setattr(other_hosts, "LOWERED_S", 0.05)


class World:
    """A run in three shards, which hosts claim and end."""

    def __init__(self) -> None:
        self.store = InMemoryRunStore()
        self.run_id = added_run(self.store, "d")
        self.store.put_shards(self.run_id, [(0, 1), (1, 2), (2, 3)], reopens=True)
        address = StoreAddress("x", "x", self.store.jobs.store_id)
        for number in (1, 2, 3):
            job = NewJob(self.run_id, address, {}, "1", shard=(number, 3), cases=(number - 1, number))
            assert self.store.jobs.add(job.row("queue", "/queue", number), "{}")

    def claim(self, number: int, host: str) -> None:
        me = this_process("w")
        owner = Owner("w", host, me.boot_id, me.pid, me.pid_started)
        self._change(number, lambda row: states.claimed(row, owner, "t" * 16, 1))

    def end(self, number: int) -> None:
        self._change(number, lambda row: states.settled(row, states.DONE, 2, 0.0))

    def _change(self, number: int, decide: object) -> None:
        row = self.store.jobs.load(self.store.shards(self.run_id)[number - 1].key)
        assert row is not None
        assert self.store.jobs.change(row.fence, decide) is not None  # type: ignore[arg-type]


def test_each_host_keeps_to_its_part_which_follows_the_number_of_hosts() -> None:
    world = World()
    told: list[int] = []

    async def run() -> None:
        world.claim(1, "ash")
        async with other_hosts.followed(world.store, world.run_id, RUNTIME, told.append):
            assert told == [1]
            world.claim(2, "elm")
            world.claim(3, "elm")
            await asyncio.sleep(0.1)
            assert told[-1] == 2
            world.end(2)
            world.end(3)
            await asyncio.sleep(0.1)
            assert told[-1] == 1

    asyncio.run(run())


def test_a_host_that_joins_others_begins_once_they_have_lowered_their_parts() -> None:
    world = World()
    told: list[int] = []

    async def run() -> float:
        world.claim(1, "ash")
        world.claim(2, "elm")
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with other_hosts.followed(world.store, world.run_id, RUNTIME, told.append):
            return loop.time() - began

    assert asyncio.run(run()) >= 0.05
    assert told[0] == 2


def test_a_run_without_limits_looks_at_no_hosts() -> None:
    world = World()
    told: list[int] = []

    async def run() -> None:
        async with other_hosts.followed(world.store, world.run_id, RuntimeConfig(), told.append):
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert told == []


def test_rules_are_divided_but_a_call_may_always_be_made() -> None:
    rules = RunRules(tasks=32, concurrency=8, requests_per_minute=600, tokens_per_minute=9_000)
    assert rules.divided(1) == rules
    assert rules.divided(3) == RunRules(tasks=32, concurrency=2, requests_per_minute=200, tokens_per_minute=3_000)
    assert rules.divided(9).concurrency == 1
    assert RunRules(tasks=32).divided(4) == RunRules(tasks=32)


def test_calls_that_are_let_in_follow_the_parts() -> None:
    async def let_in() -> list[int]:
        runtime = RuntimeConfig(provider_concurrency={"p": 8}, adaptive=None)  # which would grow with the answers alone
        admission = Admission(runtime, Providers(lambda *_: MemoryLedger()))
        found = []
        try:
            gate = admission.gate(Stage.GENERATE, "p")
            for parts in (1, 4, 2):
                admission.divide(parts)
                entered = 0
                while gate.enter_at_once(gate.ticket("x")):
                    entered += 1
                found.append(entered)
                for _ in range(entered):
                    gate.leave(gate.ticket("x"))
        finally:
            admission.close()
        return found

    assert asyncio.run(let_in()) == [8, 2, 4]
