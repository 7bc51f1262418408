"""Throttled calls, time limits and delays of a generator's calls."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, dataset, experiment
from tests.support.virtual_time import run_in_virtual_time, virtual_now
from themis.core.config import RuntimeConfig
from themis.core.engine.cases.model_calls import ModelCalls, generation_retries, judge_retries
from themis.core.engine.limits import Admission
from themis.core.engine.limits.account import Account
from themis.core.errors import CallTimeoutError
from themis.core.models import Case, GenerationResult
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore

KEY = "lab:here"


class ProviderError(Exception):
    """An error with what its provider said."""

    def __init__(self, message: str = "no", **said: Any) -> None:
        super().__init__(message)
        for name, value in said.items():
            setattr(self, name, value)


def called(
    script: Callable[[int], Any],
    runtime: RuntimeConfig | None = None,
    *,
    provider: str | None = KEY,
    lasts_s: float = 0.0,
) -> tuple[Any, list[float], list[dict[str, Any]], float]:
    """The end of one call, when it was tried, its history, and the seconds that it took."""
    tries: list[float] = []
    history: list[dict[str, Any]] = []

    async def generate(_: Case) -> Any:
        tries.append(virtual_now())
        await asyncio.sleep(lasts_s)
        found = script(len(tries))
        if isinstance(found, Exception):
            raise found
        return found

    async def program() -> Any:
        admission = Admission(runtime or RuntimeConfig())
        calls = ModelCalls(runtime or RuntimeConfig(), admission.gate(Stage.GENERATE, provider), provider)
        try:
            return await calls.result(generate, (Case(case_id="q", input="x"),), history)
        except Exception as error:
            return error
        finally:
            assert [state.in_flight for state in admission.states()] == ([0] if provider else [])
            admission.close()

    began = 1_000.0
    end = run_in_virtual_time(program())
    return end, [at - began for at in tries], history, tries[-1] - began


ANSWER = GenerationResult(candidate_id="c", final_output="a")


def throttled(times: int, **said: Any) -> Callable[[int], Any]:
    return lambda number: ProviderError("slow down", status_code=429, **said) if number <= times else ANSWER


def test_a_throttled_call_uses_up_no_attempt_and_its_history_is_short() -> None:
    end, tries, history, _ = called(throttled(50, retry_after_s=1.0))
    assert end is ANSWER
    assert len(tries) == 51
    assert history == [{"throttled": 50, "error_type": "ProviderError", "message": "slow down"}]


def test_a_retry_after_is_waited_and_little_more() -> None:
    _, tries, _, _ = called(throttled(1, retry_after_s=41.5))
    assert tries == [0.0, 41.5]


def test_without_a_retry_after_the_pauses_grow() -> None:
    _, tries, _, _ = called(throttled(7))
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    for pause, base in zip(pauses, [0.5, 1, 2, 4, 8, 8, 8], strict=True):
        assert base <= pause <= 1.25 * base + 1


@pytest.mark.parametrize("said", [{"status_code": 503}, {"status_code": 529}, {"status_code": 400, "throttled": True}])
def test_what_counts_as_throttled(said: dict[str, Any]) -> None:
    said.setdefault("retryable", True)
    end, tries, _, _ = called(lambda number: ProviderError(**said) if number <= 9 else ANSWER)
    assert end is ANSWER
    assert len(tries) == 10


@pytest.mark.parametrize(
    ("error", "tried"),
    [
        (ProviderError(status_code=500), 3),
        (ProviderError(status_code=408), 3),
        (ProviderError(status_code=409), 3),
        (ProviderError(status_code=429, throttled=False), 3),
        (ProviderError(status_code=402), 1),
        (ProviderError(status_code=429, retryable=False), 1),
        (ProviderError(status_code=429, code="insufficient_quota"), 1),
        (ProviderError("Error code: 429 - {'type': 'insufficient_quota'}", status_code=429), 1),
    ],
)
def test_other_failures_use_up_attempts_or_are_final(error: Exception, tried: int) -> None:
    end, tries, history, _ = called(lambda _: error)
    assert end is error
    assert len(tries) == tried
    assert [entry["attempt"] for entry in history] == list(range(1, tried))


def test_a_throttled_call_between_two_failures_leaves_their_numbers_alone() -> None:
    script = [ProviderError("a", status_code=500), ProviderError("b", status_code=429, retry_after_s=1.0)]
    end, _, history, _ = called(lambda number: script[number - 1] if number <= 2 else ProviderError(status_code=500))
    assert isinstance(end, ProviderError)
    assert [entry.get("attempt") or entry.get("throttled") for entry in history] == [1, 1, 2]


def test_a_generator_without_a_provider_has_no_gate_to_wait_at() -> None:
    end, tries, _, _ = called(
        lambda _: ProviderError(status_code=429), RuntimeConfig(request_timeout_s=9), provider=None
    )
    assert isinstance(end, ProviderError)
    assert len(tries) == 3


def test_a_case_that_is_throttled_for_too_long_fails_with_its_last_error() -> None:
    error = ProviderError("busy", status_code=503, retry_after_s=20.0)
    end, tries, history, _ = called(lambda _: error, RuntimeConfig(case_timeout_s=50.0))
    assert end is error
    assert tries == [0.0, 20.0, 40.0]
    assert history[0]["throttled"] == 3


def test_the_time_of_a_case_bounds_its_retries_and_the_last_call_too() -> None:
    failing = ProviderError(status_code=500)
    end, tries, _, _ = called(
        lambda _: failing, RuntimeConfig(case_timeout_s=5.0, generation_retry_delay=3.0, generation_retry_attempts=9)
    )
    assert end is failing
    assert len(tries) <= 2
    slow, tries, _, _ = called(lambda _: ANSWER, RuntimeConfig(case_timeout_s=5.0), lasts_s=60.0)
    assert isinstance(slow, CallTimeoutError)
    assert str(slow) == "no answer within 5 s (runtime.case_timeout_s)"
    assert len(tries) == 1


def test_a_call_that_lasts_too_long_is_ended_and_tried_again() -> None:
    end, tries, history, _ = called(lambda _: ANSWER, RuntimeConfig(request_timeout_s=7.0), lasts_s=60.0)
    assert isinstance(end, TimeoutError)
    assert len(tries) == 3
    assert history[0]["message"] == "no answer within 7 s (runtime.request_timeout_s)"
    assert history[0]["error_type"] == "CallTimeoutError"


def test_a_time_limit_of_the_generators_own_is_told_as_it_is() -> None:
    own = TimeoutError("mine")
    end, _, _, _ = called(lambda _: own, RuntimeConfig(request_timeout_s=7.0))
    assert end is own


def test_a_call_to_a_provider_waits_as_providers_want_unless_told_otherwise() -> None:
    policy = generation_retries(RuntimeConfig(), KEY)
    delays = [policy.delay_s * policy.backoff**n for n in range(4)]
    assert delays == [0.5, 1.0, 2.0, 4.0]
    assert generation_retries(RuntimeConfig(generation_retry_delay=0.2), KEY).delay_s == 0.2
    assert generation_retries(RuntimeConfig(), None).delay_s == 0.01
    long = generation_retries(RuntimeConfig(generation_retry_attempts=99), KEY).delay_after(TimeoutError(), 80)
    assert long is not None
    assert 15.0 <= long <= 30.0, "with its jitter"
    assert judge_retries(RuntimeConfig(), KEY) == policy
    assert judge_retries(RuntimeConfig(), None).delay_s == 0.01


def test_a_quota_that_is_used_up_closes_the_gate_until_it_is_renewed() -> None:
    limited = ANSWER.model_copy(update={"artifacts": {"rate_limit": {"requests_remaining": 0, "requests_reset_s": 12}}})
    tries: list[float] = []

    async def program() -> str:
        admission = Admission(RuntimeConfig())
        calls = ModelCalls(RuntimeConfig(), admission.gate(Stage.GENERATE, KEY), KEY)

        async def generate(_: Case) -> GenerationResult:
            tries.append(virtual_now())
            return limited

        await calls.result(generate, (Case(case_id="q", input="x"),), [])
        state = admission._providers[Account(KEY, None)]._limits.state(virtual_now())
        await calls.result(generate, (Case(case_id="q", input="x"),), [])
        admission.close()
        return f"{state.limit} {state.why}"

    assert run_in_virtual_time(program()) == "0 closed for 12 s: no requests remain"
    assert tries[1] - tries[0] == 12.0


def test_a_run_stores_how_often_a_case_was_throttled() -> None:
    left = {"q0": 4}

    def script(case: Case, ctx: Any) -> Any:
        left[case.case_id] = left.get(case.case_id, 0) - 1
        return ProviderError("busy", status_code=429, retry_after_s=0.01) if left[case.case_id] >= 0 else "x"

    generator = ScriptedGenerator(script)
    generator.provider_key = KEY  # type: ignore[attr-defined]
    store = InMemoryRunStore()
    result = experiment(generator, datasets=[dataset(2)]).run(store=store)
    assert result.status == "completed"
    assert len(generator.calls) == 6
    outcome = next(o for o in store.outcomes_between(result.run_id, 0, 1) if o.stage is Stage.GENERATE)
    assert outcome.retries == '[{"throttled":4,"error_type":"ProviderError","message":"busy"}]'
