"""Several processes, simulated on one clock, share a provider's limits."""

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulated_provider import KEY, SimulatedProvider, keep_asking
from tests.support.virtual_time import run_in_virtual_time
from themis.core.config import RuntimeConfig
from themis.core.engine.limits.provider_limits import ProviderLimits
from themis.core.engine.limits.providers import Providers
from themis.core.engine.limits.share import Share
from themis.core.engine.limits.sharing.exchange import Report, exchange
from themis.core.engine.limits.sharing.fair_shares import fair_shares
from themis.core.engine.limits.sharing.ledger import MemoryLedger
from themis.core.engine.limits.sharing.part import QUIET_S
from themis.core.shared_limits.quota_document import QuotaDocument, QuotaHolder
from themis.core.values.run_rules import NO_OPERATOR, RunRules


class SimulatedLedger(MemoryLedger):
    """Ledger of a process that believes that there are others."""

    is_shared = True


class Process(Providers):
    """A process; its thread is a task, as everything happens on one clock."""

    def _start(self, stop: threading.Event) -> None:
        self._task = asyncio.get_running_loop().create_task(self._touch(stop))

    async def _touch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(QUIET_S)
            for limits in self.asked():
                limits.keep_in_touch(asyncio.get_running_loop().time())


class Host:
    """Processes whose ledger is one document."""

    def __init__(self) -> None:
        self.document = QuotaDocument("lab")

    def process(self, number: int) -> Process:
        """One of them."""
        return Process(lambda *_: SimulatedLedger(self.document, number))


async def asks(
    host: Host, number: int, provider: SimulatedProvider, runtime: RuntimeConfig, starts: float, lasts: float
) -> list[float]:
    """Let one process ask for so long; returns when its answers came."""
    answers: list[float] = []
    await asyncio.sleep(starts)
    await keep_asking(provider, runtime, lasts, answers=answers, asked=host.process(number))
    return answers


def together(provider: SimulatedProvider, *whole: tuple[RuntimeConfig, float, float]) -> list[list[float]]:
    """Let processes ask: the configuration, begin and length of each."""

    async def program() -> list[list[float]]:
        host = Host()
        return await asyncio.gather(*(asks(host, no, provider, *one) for no, one in enumerate(whole)))

    return run_in_virtual_time(program())


def runtime(tasks: int = 32, **more: Any) -> RuntimeConfig:
    return RuntimeConfig(max_concurrent_tasks=tasks, **more)


def between(times: list[float], first: float, last: float) -> int:
    return sum(first <= at - 1_000.0 < last for at in times)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("processes", "per_minute"),
    [
        (4, 240.0),
        *(
            pytest.param(*values, marks=slow)
            for values in ((2, 600.0), (4, 600.0), (10, 60.0), (10, 600.0), (4, 6_000.0))
        ),
    ],
)
@pytest.mark.not_smoke
def test_a_quota_is_used_by_all_of_them_together_and_never_exceeded(processes: int, per_minute: float) -> None:
    provider = SimulatedProvider(latency_s=0.4)
    config = runtime(provider_rate_limits={KEY: per_minute})
    answers = together(provider, *[(config, 0.3 * number, 130.0) for number in range(processes)])
    assert provider.most_in_a_minute() <= per_minute
    assert provider.between(60.0, 120.0) >= 0.95 * per_minute
    parts = [between(times, 20.0, 120.0) for times in answers]
    assert max(parts) <= 1.1 * min(parts) + 3


@slow
def test_tokens_of_a_minute_are_shared() -> None:
    provider = SimulatedProvider(latency_s=0.4)
    config = runtime(provider_token_limits={KEY: 60_000.0})
    answers = together(provider, *[(config, 0.0, 200.0) for _ in range(4)])
    assert provider.most_in_a_minute(tokens=True) <= 60_000
    assert provider.between(120.0, 180.0, tokens=True) >= 0.9 * 60_000
    parts = [between(times, 80.0, 200.0) for times in answers]
    assert max(parts) <= 1.2 * min(parts)


@slow
def test_the_strictest_configuration_of_all_processes_holds_while_it_is_there() -> None:
    provider = SimulatedProvider(latency_s=0.1)
    free = runtime(8, adaptive=None)
    strict = runtime(8, adaptive=None, provider_rate_limits={KEY: 60.0})
    together(provider, (free, 0.0, 60.0), (strict, 10.0, 30.0))
    assert provider.between(2.0, 9.0) > 400
    assert provider.between(12.0, 38.0) <= 30
    assert provider.between(45.0, 55.0) > 600


@pytest.mark.parametrize("calls", [3, pytest.param(1, marks=slow), pytest.param(12, marks=slow)])
def test_calls_in_flight_are_shared_fairly_and_lent(calls: int) -> None:
    provider = SimulatedProvider(latency_s=0.3)
    config = runtime(30, adaptive=None, provider_concurrency={KEY: calls})
    first, second = together(provider, (config, 0.0, 60.0), (config, 10.0, 30.0))
    assert provider.highest <= calls
    alone, beside = between(first, 2.0, 9.0) / 7, between(first, 12.0, 38.0) / 26
    assert beside == pytest.approx(between(second, 12.0, 38.0) / 26, rel=0.15)
    assert beside == pytest.approx(alone / 2, rel=0.2)
    assert between(first, 41.0, 58.0) / 17 == pytest.approx(alone, rel=0.1)


def test_a_new_process_has_its_share_within_a_second() -> None:
    provider = SimulatedProvider(latency_s=0.1)
    config = runtime(30, adaptive=None, provider_concurrency={KEY: 10})
    _, second = together(provider, (config, 0.0, 20.0), (config, 10.0, 5.0))
    assert between(second, 10.8, 11.8) >= 0.8 * 5 / 0.1


@slow
def test_what_a_provider_bears_is_found_together() -> None:
    provider = SimulatedProvider(latency_s=0.5, most_at_once=40)
    answers = together(provider, *[(runtime(100), 0.5 * number, 140.0) for number in range(4)])
    assert provider.between(60.0, 140.0) >= 0.7 * 80.0 * 40 / 0.5
    assert len(provider.throttled) <= 0.05 * len(provider.arrived)
    parts = [between(times, 60.0, 140.0) for times in answers]
    assert max(parts) <= 1.3 * min(parts)


@pytest.mark.slow
@pytest.mark.not_smoke
def test_nobody_asks_during_a_pause_that_one_was_asked_for() -> None:
    provider = SimulatedProvider(latency_s=0.2, per_minute=300.0, retry_after_s=5.0)
    config = runtime(4)
    together(provider, *[(config, 0.1 * number, 100.0) for number in range(3)])
    assert provider.throttled
    assert provider.violations <= 12 * len({round(at / 5.0) for at in provider.throttled})
    assert provider.between(0.0, 100.0) >= 350


def test_slots_of_a_process_that_died_are_free_for_the_next() -> None:
    document, rules = QuotaDocument("lab"), RunRules(tasks=4, requests_per_minute=60.0)
    terms = []
    for number in (0, 1):
        holder = QuotaHolder(0, 0, at=100.0, rules=rules)
        terms.append(exchange(document, number, holder, Report(rules, NO_OPERATOR, wanted=4, waiting=4)))
    assert [one.slice is not None for one in terms] == [True, False], "the next one is more than a second ahead"
    holder = QuotaHolder(0, 0, at=100.2, rules=rules)
    taken = exchange(document, 1, holder, Report(rules, NO_OPERATOR, wanted=4, waiting=4, served=-1.0)).slice
    assert taken is not None
    at = taken.slots.at
    assert at > 101.0
    document.drop(1, 100.3)
    assert [one.at for one in document.free] == [at]
    holder = QuotaHolder(0, 0, at=100.4, rules=rules)
    again = exchange(document, 0, holder, Report(rules, NO_OPERATOR, wanted=1, waiting=1)).slice
    assert again is not None
    assert (again.slots.at, document.free) == (at, [])


def test_what_one_has_taken_of_the_tokens_is_gone_for_the_others() -> None:
    document, rules = QuotaDocument("lab"), RunRules(tasks=4, tokens_per_minute=600.0)
    waits = []
    for number, now in ((0, 100.0), (1, 100.1)):
        report = Report(rules, NO_OPERATOR, wanted=1, tokens=500.0, waiting=1)
        found = exchange(document, number, QuotaHolder(0, 0, at=now, rules=rules), report)
        waits.append(found.wait_s if found.slice is None else None)
    assert waits[0] is None
    assert waits[1] is not None
    assert waits[1] > 10.0, "the minute has a hundred left"


def test_the_strictest_rules_are_those_of_all() -> None:
    document, strict = QuotaDocument("lab"), RunRules(tasks=4, concurrency=2, requests_per_minute=60.0)
    for number, rules in ((0, strict), (1, RunRules(tasks=4, concurrency=9))):
        terms = exchange(document, number, QuotaHolder(0, 0, at=100.0, rules=rules), Report(rules, NO_OPERATOR))
    assert (terms.rules.requests_per_minute, terms.limit) == (60.0, 2)


@given(st.integers(0, 200), st.lists(st.integers(0, 60), max_size=8))
def test_fair_shares_are_all_of_it_and_nobody_has_more_than_one_who_wants_more(calls: int, demands: list[int]) -> None:
    shares = fair_shares(calls, demands)
    assert sum(shares) == (calls if demands else 0) or (sum(shares) <= calls and not any(demands))
    for share, demand in zip(shares, demands, strict=True):
        if share < demand:
            assert all(other <= share + 1 for other in shares)


def test_a_process_whose_last_run_has_left_is_not_among_the_others_again() -> None:
    """Nobody would take it away: its thread may look a last time after that, with the limits it found before."""
    host = Host()
    limits = ProviderLimits("lab", SimulatedLedger(host.document, 1))
    share = Share(RunRules(32, None, None, None, None), lambda: None, lambda: 0)
    limits.join(share)
    limits.keep_in_touch(100.0)
    assert list(host.document.holders) == [1]
    assert not limits.leave(share)
    limits.close(101.0)
    limits.keep_in_touch(200.0)
    assert list(host.document.holders) == []
