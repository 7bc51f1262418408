"""Runs against providers with quotas, minutes long and in virtual time."""

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from tests.support.simulated_provider import KEY, SimulatedProvider, keep_asking
from tests.support.virtual_time import run_in_virtual_time
from themis.core.config import RuntimeConfig
from themis.core.engine.limits.providers import providers
from themis.core.values.adaptive import AdaptiveConfig


def runtime(tasks: int = 32, **more: Any) -> RuntimeConfig:
    return RuntimeConfig(max_concurrent_tasks=tasks, **more)


@pytest.mark.few(1)
@pytest.mark.parametrize("latency_s", [0.05, 2.0, pytest.param(0.5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("travel_s", [0.0, 0.5])
@pytest.mark.not_smoke
def test_a_quota_of_600_a_minute_is_used_and_never_exceeded(latency_s: float, travel_s: float) -> None:
    provider = SimulatedProvider(latency_s=latency_s, travel_s=travel_s)
    run_in_virtual_time(keep_asking(provider, runtime(provider_rate_limits={KEY: 600.0}), 180.0))
    assert provider.most_in_a_minute() <= 600
    for minute in range(1, 3):
        assert provider.between(60.0 * minute, 60.0 * minute + 60.0) >= 570


@pytest.mark.parametrize(
    ("per_minute", "seconds"),
    [
        *((1.0, 200.0), (2.0, 200.0), (7.0, 200.0), (60.0, 200.0)),
        pytest.param(6_000.0, 80.0, marks=pytest.mark.slow),
    ],
)
def test_a_quota_of_any_size_is_never_exceeded(per_minute: float, seconds: float) -> None:
    provider = SimulatedProvider(latency_s=0.3)
    run_in_virtual_time(keep_asking(provider, runtime(provider_rate_limits={KEY: per_minute}), seconds))
    assert provider.most_in_a_minute() <= per_minute
    assert len(provider.arrived) >= 0.95 * (seconds * per_minute / 60) - 1


@pytest.mark.few(1)
@pytest.mark.parametrize("latency_s", [0.1, 1.0, 5.0])
@pytest.mark.not_smoke
def test_tokens_of_a_minute_are_used_and_never_exceeded(latency_s: float) -> None:
    provider = SimulatedProvider(latency_s=latency_s)
    sizes = random.Random(1)
    limit = 60_000.0
    run_in_virtual_time(
        keep_asking(
            provider,
            runtime(64, provider_token_limits={KEY: limit}),
            180.0,
            tokens=lambda: sizes.randint(20, 200),
        )
    )
    assert provider.most_in_a_minute(tokens=True) <= limit
    for minute in range(1, 3):
        used = provider.between(60.0 * minute, 60.0 * minute + 60.0, tokens=True)
        assert used >= (0.9 if minute == 1 else 0.94) * limit  # a minute before it the first reserved too much


def test_outputs_that_are_longer_than_was_estimated_do_not_exceed_the_tokens_of_a_minute() -> None:
    provider = SimulatedProvider(latency_s=1.0)
    limits = runtime(provider_token_limits={KEY: 100_000.0})
    run_in_virtual_time(keep_asking(provider, limits, 240.0, tokens=lambda: 2_000))
    assert provider.most_in_a_minute(tokens=True) <= 100_000
    assert provider.between(60.0, 120.0, tokens=True) >= 90_000


def test_a_call_that_needs_more_than_a_minutes_tokens_is_made_alone() -> None:
    provider = SimulatedProvider(latency_s=1.0)
    limits = runtime(4, provider_token_limits={KEY: 1_000.0})
    run_in_virtual_time(keep_asking(provider, limits, 1_000.0, tokens=lambda: 2_500))
    later = [at for at, _ in provider.arrived][4:]
    assert len(later) >= 3
    assert all(second - first >= 60.0 for first, second in pairwise(later))


@pytest.mark.few(1)
@pytest.mark.parametrize("retry_after_s", [None, 5.0, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("lasts_s", "latency_s"),
    [
        (3.0, 0.4),
        (10.0, 3.0),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ((0.5, 1.0), (3.0, 2.0), (10.0, 1.0))),
    ],
)
@pytest.mark.not_smoke
def test_after_a_burst_of_429_the_rate_is_back_within_20_seconds(
    retry_after_s: float | None, lasts_s: float, latency_s: float
) -> None:
    provider = SimulatedProvider(
        latency_s=latency_s, bursts=[(25.0, 25.0 + lasts_s)], retry_after_s=retry_after_s, travel_s=0.05
    )
    run_in_virtual_time(keep_asking(provider, runtime(60), 56.0 + lasts_s))
    before = provider.between(15.0, 25.0)
    over = 25.0 + lasts_s + 20.0
    assert provider.between(over, over + 10.0) >= 0.9 * before
    assert provider.violations == 0
    assert provider.throttled, "the burst was met"


def test_a_retry_after_is_never_violated_and_quota_without_a_configuration_is_used() -> None:
    provider = SimulatedProvider(latency_s=0.3, per_minute=600, retry_after_s=2.0)
    run_in_virtual_time(keep_asking(provider, runtime(40), 245.0))
    assert provider.throttled
    assert provider.violations == 0
    assert provider.between(60.0, 240.0) >= 0.8 * 3 * 600


@pytest.mark.few(1)
@pytest.mark.parametrize("latency_s", [0.25, 3.0])
@pytest.mark.parametrize("per_minute", [60.0, 600.0])
def test_a_quota_that_nobody_says_anything_about_is_used(latency_s: float, per_minute: float) -> None:
    provider = SimulatedProvider(latency_s=latency_s, per_minute=per_minute, retry_after_s=None)
    run_in_virtual_time(keep_asking(provider, runtime(32), 330.0))
    times = sorted(at for at, _ in provider.arrived)
    five_minutes = int(5 * per_minute)
    assert five_minutes / (times[five_minutes] - times[0]) >= 0.95 * per_minute / 60.0
    assert len(provider.throttled) <= 0.5 * len(provider.arrived)


@pytest.mark.not_smoke
def test_a_healthy_endpoint_is_filled_fast() -> None:
    provider = SimulatedProvider(latency_s=0.5)
    run_in_virtual_time(keep_asking(provider, runtime(100), 12.0))
    assert provider.highest == 100
    assert provider.between(0.0, 2.0) >= 0.75 * 2.0 * 100 / 0.5
    assert provider.between(2.0, 12.0) >= 0.99 * 10.0 * 100 / 0.5


@pytest.mark.few(1)
@pytest.mark.parametrize(("travel_s", "refused", "seeds"), [(0.0, 10, 2), (0.0, 10, 8), (0.2, 60, 8)])
@pytest.mark.not_smoke
def test_a_fast_start_overruns_a_weak_provider_by_little(travel_s: float, refused: int, seeds: int) -> None:
    weak = [SimulatedProvider(latency_s=0.5, most_at_once=40, travel_s=travel_s, seed=seed) for seed in range(seeds)]
    for provider in weak:
        run_in_virtual_time(keep_asking(provider, runtime(1_000), 10.0))
    assert sum(len(provider.throttled) for provider in weak) / len(weak) <= refused


@pytest.mark.slow
@pytest.mark.parametrize("travel_s", [0.0, 0.2])
def test_a_weak_provider_that_was_overrun_once_is_not_overrun_again(travel_s: float) -> None:
    provider = SimulatedProvider(latency_s=0.5, most_at_once=40, travel_s=travel_s)
    run_in_virtual_time(keep_asking(provider, runtime(1_000), 60.0))
    assert sum(at - (provider.began or 0.0) >= 50.0 for at in provider.throttled) <= 5


def test_the_first_calls_are_few() -> None:
    provider = SimulatedProvider(latency_s=1.0)
    run_in_virtual_time(keep_asking(provider, runtime(1_000), 0.5))
    assert len(provider.arrived) == AdaptiveConfig().start


@pytest.mark.slow
def test_concurrency_settles_near_what_the_provider_bears() -> None:
    provider = SimulatedProvider(latency_s=0.5, most_at_once=40)
    run_in_virtual_time(keep_asking(provider, runtime(200), 140.0))
    assert provider.between(60.0, 140.0) >= 0.7 * 80.0 * 40 / 0.5
    assert len(provider.throttled) <= 0.05 * len(provider.arrived)


def test_without_adaptation_as_many_are_asked_as_the_configuration_says() -> None:
    provider = SimulatedProvider(latency_s=1.0)
    run_in_virtual_time(keep_asking(provider, runtime(50, adaptive=None, provider_concurrency={KEY: 40}), 0.5))
    assert len(provider.arrived) == 40


@pytest.mark.parametrize("limits", [{"provider_rate_limits": {KEY: 600.0}}, {"provider_concurrency": {KEY: 10}}])
@pytest.mark.slow
def test_two_runs_of_a_provider_share_it_fairly(limits: dict[str, Any]) -> None:
    provider = SimulatedProvider(latency_s=0.5)
    first: list[float] = []
    second: list[float] = []

    async def program() -> None:
        async def late() -> None:
            await asyncio.sleep(60.0)
            await keep_asking(provider, runtime(8, **limits), 120.0, answers=second)

        await asyncio.gather(keep_asking(provider, runtime(64, **limits), 200.0, answers=first), late())

    run_in_virtual_time(program())
    began = provider.began or 0.0
    of_first = sum(70.0 <= at - began < 170.0 for at in first)
    of_second = sum(70.0 <= at - began < 170.0 for at in second)
    assert of_second == pytest.approx(of_first, rel=0.1)
    assert provider.most_in_a_minute() <= (600 if "provider_rate_limits" in limits else 10_000)
    assert provider.highest <= (10 if "provider_concurrency" in limits else 100)
    assert sum(185.0 <= at - began < 195.0 for at in first) >= 90


def random_schedule(seed: int) -> tuple[SimulatedProvider, list[tuple[float, float, RuntimeConfig]]]:
    """A provider with quotas of its own, and runs that begin and end at any time, with any limits."""
    dice = random.Random(seed)
    provider = SimulatedProvider(
        latency_s=dice.choice([0.05, 0.5, 3.0]),
        per_minute=dice.choice([None, 300.0, 2_000.0]),
        most_at_once=dice.choice([None, 5, 30]),
        retry_after_s=dice.choice([None, 0.7, 4.0]),
        bursts=[(at := dice.uniform(0, 60), at + dice.choice([0.5, 5.0]))],
        seed=seed,
    )
    shared = {"provider_rate_limits": {KEY: 240.0}} if dice.random() < 0.4 else {}
    if dice.random() < 0.4:
        shared["provider_token_limits"] = {KEY: 20_000.0}
    runs = [
        (
            dice.uniform(0, 30),
            dice.uniform(20, 80),
            runtime(dice.choice([1, 8, 40]), **shared, provider_concurrency={KEY: dice.choice([1, 4, 50])}),
        )
        for _ in range(dice.choice([1, 2, 3]))
    ]
    return provider, runs


async def all_of(provider: SimulatedProvider, runs: list[tuple[float, float, RuntimeConfig]]) -> None:
    async def one(starts: float, lasts: float, config: RuntimeConfig) -> None:
        await asyncio.sleep(starts)
        await keep_asking(provider, config, lasts, tokens=lambda: 120)

    await asyncio.gather(*(one(*run) for run in runs))


@pytest.mark.few(1)
@pytest.mark.parametrize("seeds", [range(5), *(range(first, first + 20) for first in range(0, 200, 20))], ids=str)
@pytest.mark.not_smoke
def test_no_schedule_exceeds_a_limit_violates_a_retry_after_or_gets_stuck(seeds: range) -> None:
    for seed in seeds:
        provider, runs = random_schedule(seed)
        run_in_virtual_time(all_of(provider, runs))
        assert not providers.asked()
        assert provider.violations == 0, seed
        assert provider.arrived, seed
        configs = [config for _, _, config in runs]
        if configs[0].provider_rate_limits:
            assert provider.most_in_a_minute() <= 240, seed
        if configs[0].provider_token_limits:
            assert provider.most_in_a_minute(tokens=True) <= 20_000 * 1.05, seed
        assert provider.highest <= max(config.provider_concurrency[KEY] for config in configs), seed
