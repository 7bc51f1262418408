"""A provider that asks for less is asked nothing until the time is over, by whatever header it says so."""

import asyncio

import pytest

from tests.support.asked_models import Asked, ScriptedModels, Variant
from tests.support.model_server import Allowance, Answer, Behaviour, RateLimits, Request
from tests.support.model_server import failures as failing
from tests.support.model_server.script import Step
from themis.core.engine.limits import throttling_pauses
from themis.core.engine.limits.throttling_pauses import FIRST_PAUSE_S

WAIT_S = 0.8  # longer than a pause of our own
AT_ONCE = 2
"""So that one request at most is on its way when the reply to another closes the gate."""

USED_UP = RateLimits(requests=Allowance(limit=1, remaining=0, reset_s=WAIT_S))
DATE_S = 2.0  # a date has whole seconds, rounded up: at least one of these is waited

CLOSING: dict[str, tuple[str, Step, float]] = {
    "seconds": ("chat_completions", failing.throttled(WAIT_S), WAIT_S),
    "seconds of Anthropic": ("messages", failing.throttled(WAIT_S), WAIT_S),
    "milliseconds": ("responses", failing.throttled(WAIT_S, unit="milliseconds"), WAIT_S),
    "a date": ("chat_completions", failing.throttled(DATE_S, unit="date"), DATE_S - 1),
    "nothing": ("completions", failing.throttled(), FIRST_PAUSE_S),
    "nothing, from Anthropic": ("messages", failing.throttled(), FIRST_PAUSE_S),
    "503 with a time": ("chat_completions", failing.throttled(WAIT_S, status=503), WAIT_S),
    "529 with a time": ("messages", failing.throttled(WAIT_S, status=529), WAIT_S),
    "503 with nothing": ("chat_completions", failing.unavailable(), FIRST_PAUSE_S),
    "529 with nothing": ("messages", failing.overloaded(), FIRST_PAUSE_S),
    "a quota used up by an answer": (
        "chat_completions",
        Behaviour(reply=Answer("4"), headers=USED_UP.headers("openai", 0)),
        WAIT_S,
    ),
}


@pytest.fixture(scope="module")
def asked(models: ScriptedModels) -> dict[str, dict[str, Asked]]:
    """By what closed the gate: the question that did, and others that had to wait."""
    others: dict[str, list[Step]] = {f"q{number}": [Behaviour(latency_s=0.01)] for number in range(12)}

    async def all_of_them() -> list[dict[str, Asked]]:
        asking = []
        for variant, step, _ in CLOSING.values():
            steps = {"closing": [step, "4"], **others}
            runtime = {"generation_retry_attempts": 1, "max_concurrent_tasks": AT_ONCE}
            asking.append(models.ask(Variant(variant), steps, runtime=runtime))
        return await asyncio.gather(*asking)

    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(throttling_pauses, "OPENING_S", 0.1)
        return dict(zip(CLOSING, asyncio.run(all_of_them()), strict=True))


def ended_s(request: Request) -> float:
    assert request.ended_s is not None
    return request.ended_s


@pytest.mark.parametrize("what", CLOSING)
@pytest.mark.not_smoke
def test_nothing_is_asked_while_the_gate_is_closed_and_all_is_answered_then(
    asked: dict[str, dict[str, Asked]], what: str
) -> None:
    found, (_, _, wait_s) = asked[what], CLOSING[what]
    assert [one.failure for one in found.values()] == [None] * 13
    closed_s = ended_s(found["closing"].requests[0])
    arrivals = sorted(request.arrived_s for one in found.values() for request in one.requests)
    assert sum(closed_s < at < closed_s + wait_s for at in arrivals) < AT_ONCE
    assert sum(at >= closed_s + wait_s for at in arrivals) >= 8


@pytest.mark.not_smoke
def test_a_provider_that_throttles_for_longer_than_a_case_may_last_fails_it(models: ScriptedModels) -> None:
    script: dict[str, list[Step]] = {"a question": [failing.throttled(30.0), "4"]}
    runtime = {"case_timeout_s": 1.0, "generation_retry_attempts": 1}
    (found,) = models.ask_all({Variant("chat_completions"): script}, runtime=runtime).values()
    assert found.failure is not None
    assert (found.failure.error_type, found.failure.category) == ("ProviderThrottledError", "generation_failure")
    assert found.failure.retryable
    assert len(found.requests) == 1
