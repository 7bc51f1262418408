"""Which failures pass, when to try again, and what is kept of the tries."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine import retry_policy
from themis.core.engine.retry_policy import RetryPolicy, attempt_record, is_passing, message_of, retry_after_s
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore

POLICY = RetryPolicy(attempts=3, delay_s=0.5, backoff=2.0)


class ProviderError(Exception):
    """An error with what its provider said."""

    def __init__(self, message: str = "no", **said: Any) -> None:
        super().__init__(message)
        for name, value in said.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (OSError(5, "input/output error"), True),
        (ValueError("bad"), False),
        (KeyError("x"), False),
        (ProviderError(retryable=True), True),
        (ProviderError(retryable=False), False),
        (ProviderError(retryable=False, status_code=503), False),
        (ProviderError(retryable="yes"), False),
        (ProviderError(status_code=429), True),
        (ProviderError(status_code=408), True),
        (ProviderError(status_code=409), True),
        (ProviderError(status_code=402), False),
        (ProviderError(status_code=429, code="insufficient_quota"), False),
        (ProviderError(status_code=429, code="insufficient_quota", retryable=True), True),
        (ProviderError(status_code=500), True),
        (ProviderError(status_code=599), True),
        (ProviderError(status_code=400), False),
        (ProviderError(status_code=404), False),
        (ProviderError(status_code=600), False),
        (ProviderError(status_code="503"), False),
        (ProviderError(status_code=None), False),
    ],
)
def test_a_failure_passes_by_its_cause(error: Exception, *, passes: bool) -> None:
    assert is_passing(error) is passes


def test_what_an_error_says_of_itself_counts_more_than_its_class() -> None:
    error = TimeoutError("for good")
    error.retryable = False  # type: ignore[attr-defined]  # as clients of providers do
    assert not is_passing(error)


def test_an_error_that_cannot_be_asked_does_not_pass() -> None:
    class BrokenError(Exception):
        @property
        def retryable(self) -> bool:
            raise RuntimeError

        @property
        def retry_after_s(self) -> float:
            raise RuntimeError

    assert not is_passing(BrokenError())
    assert retry_after_s(BrokenError()) == 0.0


def test_tries_end_when_they_are_used_up() -> None:
    error = TimeoutError()
    assert POLICY.delay_after(error, 1) is not None
    assert POLICY.delay_after(error, 2) is not None
    assert POLICY.delay_after(error, 3) is None


def test_a_failure_that_does_not_pass_is_final_at_once() -> None:
    assert POLICY.delay_after(ValueError(), 1) is None


@pytest.mark.parametrize(("attempt", "base"), [(1, 0.5), (2, 1.0)])
def test_delays_grow_and_are_spread(attempt: int, base: float) -> None:
    delays = {POLICY.delay_after(TimeoutError(), attempt) for _ in range(200)}
    assert len(delays) > 100
    assert all(delay is not None and base <= delay <= 2 * base for delay in delays)


@pytest.mark.parametrize("backoff", [2.0, 1e300])
def test_no_number_of_tries_makes_a_delay_too_large(backoff: float) -> None:
    policy = RetryPolicy(attempts=10_000, delay_s=1.0, backoff=backoff)
    delay = policy.delay_after(TimeoutError(), 9_000)
    assert delay is not None
    assert delay <= 120.0


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        (7, 7.0),
        (7.5, 7.5),
        (0, 0.0),
        (-3, 0.0),
        (None, 0.0),
        ("8", 0.0),
        (float("nan"), 0.0),
        (float("inf"), 0.0),
        (10**400, 0.0),
        (1_790_000_000, 0.0),
    ],
)
def test_a_server_says_how_long_to_wait_in_seconds(said: Any, waits: float) -> None:
    assert retry_after_s(ProviderError(retry_after_s=said)) == waits


def test_the_servers_wait_is_the_least_that_is_waited() -> None:
    delay = POLICY.delay_after(ProviderError(status_code=429, retry_after_s=33), 1)
    assert delay == 33.0
    longer = POLICY.delay_after(ProviderError(status_code=429, retry_after_s=0.001), 1)
    assert longer is not None
    assert longer >= 0.5


def test_a_try_is_kept_with_its_number_class_message_and_delay() -> None:
    assert attempt_record(TimeoutError("late"), 2, 0.12345) == {
        "attempt": 2,
        "error_type": "TimeoutError",
        "message": "late",
        "delay_s": 0.123,
    }


def test_an_error_that_cannot_say_what_it_is_is_known_by_its_class() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert message_of(MuteError()) == "MuteError"
    assert message_of(ValueError()) == "ValueError"
    assert message_of(ValueError("half \ud83d")) == "half \\ud83d"
    assert message_of(ValueError("GET https://me:hunter2@host/x: 401")) == "GET https://me:***@host/x: 401"


def failing(times: int, error: Callable[[], Exception]) -> ScriptedGenerator:
    """A generator that fails so often for each case before it answers."""
    left: dict[str, int] = {}

    def script(case: Any, ctx: Any) -> Any:
        left[case.case_id] = left.get(case.case_id, times) - 1
        return error() if left[case.case_id] >= 0 else case.input

    return ScriptedGenerator(script)


def test_a_passing_failure_is_tried_again_and_its_history_is_stored() -> None:
    store = InMemoryRunStore()
    generator = failing(2, lambda: ProviderError("busy", status_code=503))
    result = experiment(generator, datasets=[dataset(1)]).run(store=store)
    assert result.status == "completed"
    assert len(generator.calls) == 3
    outcome = next(o for o in store.outcomes_between(result.run_id, 0, 1) if o.stage is Stage.GENERATE)
    assert outcome.ok
    assert outcome.retries is not None
    assert outcome.retries.count("ProviderError") == 2


def test_every_try_uses_the_same_seed() -> None:
    generator = failing(2, TimeoutError)
    experiment(generator, seeds=[7], datasets=[dataset(2)]).run()
    assert sorted(generator.calls) == [("q0", 7)] * 3 + [("q1", 7)] * 3


def test_a_case_that_fails_for_good_shows_the_tries_before_the_last() -> None:
    generator = failing(99, lambda: TimeoutError("late"))
    result = experiment(generator, datasets=[dataset(1)]).run()
    failure = result.cases[0].generation_failures["0"]
    assert (failure.message, failure.error_type, failure.retryable) == ("late", "TimeoutError", True)
    assert [(entry["attempt"], entry["message"]) for entry in failure.attempts] == [(1, "late"), (2, "late")]
    assert len(generator.calls) == 3


def test_a_final_failure_is_not_tried_again() -> None:
    generator = failing(99, lambda: ValueError("bad"))
    result = experiment(generator).run()
    assert len(generator.calls) == 3
    assert result.cases[0].generation_failures["0"].attempts == []


def test_the_number_of_tries_is_the_users() -> None:
    generator = failing(99, TimeoutError)
    runtime = RuntimeConfig(generation_retry_attempts=5, generation_retry_delay=0.0)
    experiment(generator, runtime=runtime, datasets=[dataset(1)]).run()
    assert len(generator.calls) == 5


def test_the_servers_wait_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(delay: float) -> None:
        slept.append(delay)
        await real(0)

    monkeypatch.setattr("themis.core.engine.cases.stage_runner.asyncio.sleep", sleep)
    generator = failing(1, lambda: ProviderError(status_code=429, retry_after_s=41.5))
    result = experiment(generator, datasets=[dataset(1)]).run()
    assert result.status == "completed"
    assert 41.5 in slept


def test_a_call_that_waits_for_its_next_try_holds_no_slot() -> None:
    order: list[int] = []

    def script(case: Any, ctx: Any) -> Any:
        order.append(ctx.seed)
        return ProviderError(status_code=429, retry_after_s=0.05) if order == [1] else "x"

    runtime = RuntimeConfig(max_concurrent_tasks=1, generation_retry_delay=0.0)
    generator = ScriptedGenerator(script)
    result = experiment(generator, samples=3, seeds=[1, 2, 3], runtime=runtime, datasets=[dataset(1)]).run()
    assert result.status == "completed"
    assert order == [1, 2, 3, 1]


def test_what_a_failure_says_in_odd_characters_is_kept_in_its_history() -> None:
    generator = failing(2, lambda: TimeoutError("half \ud83d"))
    store = InMemoryRunStore()
    result = experiment(generator, datasets=[dataset(1)]).run(store=store)
    outcome = store.outcomes_between(result.run_id, 0, 1)[0]
    assert outcome.retries is not None
    assert outcome.retries.encode("utf-8").count(b"half") == 2


def test_the_retries_module_decides_and_does_nothing() -> None:
    assert not hasattr(retry_policy, "asyncio")
    assert not hasattr(retry_policy, "time")
