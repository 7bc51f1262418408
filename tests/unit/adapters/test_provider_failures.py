"""Each way in which a provider fails, with each of the APIs, whole and streamed, against the scripted server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.support.asked_models import VARIANTS, Asked, ScriptedModels, Variant
from tests.support.model_server import Behaviour, BreakOff, Failure, HangUp, RawBody
from tests.support.model_server import failures as failing
from tests.support.model_server.script import Step
from themis.core.engine.limits import throttling_pauses

ATTEMPTS = 3
STREAMED = tuple(variant for variant in VARIANTS if variant.stream)
WHOLE = tuple(variant for variant in VARIANTS if not variant.stream)
OPENAI = tuple(variant for variant in VARIANTS if variant.dialect != "messages")
ANTHROPIC = tuple(variant for variant in VARIANTS if variant.dialect == "messages")

Script = Mapping[str, Sequence[Step]]
Outcomes = dict[tuple[Variant, str], Asked]


@dataclass(frozen=True)
class Way:
    """A way to fail, and what is right after it."""

    step: Step
    kind: str
    words: str
    category: str = "generation_failure"
    of: Sequence[Variant] = VARIANTS


def no_credit() -> Failure:
    """As Anthropic says it: a bad request, told from another by its words alone."""
    return Failure(400, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.")


def bad(step: Step, words: str, of: Sequence[Variant] = VARIANTS) -> Way:
    return Way(step, "BadResponseError", words, "bad_response", of)


def later(step: Step, words: str, of: Sequence[Variant] = VARIANTS) -> Way:
    return Way(step, "ProviderUnavailableError", words, of=of)


def breaking_off(how: str) -> Behaviour:
    return Behaviour(breaks_off=BreakOff(1, how))  # type: ignore[arg-type]


PAGE = "a web page titled '502 Bad Gateway' instead of JSON"
NO_CHOICES = RawBody(b'{"id": "x", "object": "chat.completion"}')

PASSING = {
    "408": later(failing.timed_out(), "took too long"),
    "409": later(failing.conflict(), "another request"),
    "500": later(failing.server_error(), "The server had an error while processing your request. (status 500)"),
    "502 with a page": later(failing.html_page(502), f"{PAGE} (status 502)"),
    "500 with nothing": later(failing.empty_body(500), "status 500"),
    "an error in a 200": later(failing.error_in_200(), "Provider returned error (status 502)"),
    "a disconnect": later(HangUp(), "Server disconnected"),
    "a page": bad(failing.html_page(), PAGE),
    "nothing": bad(failing.empty_body(), "an empty reply"),
    "no answer in it": bad(NO_CHOICES, "it has no "),
    "a list": bad(RawBody(b"[1, 2]"), "expected a JSON object, not"),
    "half a JSON": bad(Behaviour(breaks_off=BreakOff(20, "end")), "not JSON", WHOLE),
    "a body that breaks off": later(Behaviour(breaks_off=BreakOff(20)), "", WHOLE),
    "a stream that ends too early": bad(breaking_off("end"), "its stream ended before the answer did", STREAMED),
    "a stream that hangs up": later(breaking_off("hang_up"), "", STREAMED),
    "a stream with an error": later(breaking_off("error"), "The server had an error", STREAMED),
}
"""Ways that may be over the next time."""

THROTTLED = {
    "429 with a time to wait": Way(failing.throttled(0.02), "ProviderThrottledError", "Rate limit reached"),
    "429 with a time in ms": Way(
        failing.throttled(0.02, unit="milliseconds"), "ProviderThrottledError", "Rate limit reached"
    ),
    "429 with nothing": Way(failing.throttled(), "ProviderThrottledError", "Rate limit reached"),
    "503": Way(failing.unavailable(), "ProviderThrottledError", "The engine is currently overloaded"),
    "529": Way(failing.overloaded(), "ProviderThrottledError", "Overloaded (status 529)"),
}

FINAL = {
    "401": Way(failing.unauthorized(), "ProviderKeyError", "check the key that api_key of the generator refers to"),
    "402": Way(failing.payment_required(), "ProviderQuotaError", "Insufficient credits."),
    "403": Way(failing.forbidden(), "ProviderKeyError", "You are not allowed"),
    "404": Way(failing.model_not_found("m"), "ProviderNotFoundError", "check model_id and base_url"),
    "429 of an account that is used up": Way(failing.out_of_quota(), "ProviderQuotaError", "current quota", of=OPENAI),
    "400 of an account that is used up": Way(no_credit(), "ProviderQuotaError", "credit balance", of=ANTHROPIC),
    "a context that is too long": Way(failing.context_too_long(), "RefusedCaseError", "maximum context length"),
    "an image that cannot be read": Way(failing.invalid_image(), "RefusedCaseError", "unsupported image"),
    "another bad request": Way(Failure(400, "No."), "InvalidRequestError", "refuses the request: No. (status 400)"),
}

TOO_LATE = {
    "a late reply": Behaviour(latency_s=60),
    "a slow reply": Behaviour(spread_s=60),
}


def scripts(ways: Mapping[str, Way], then: Callable[[str, Step], Script]) -> dict[Variant, Script]:
    """What each variant is asked: `then` says for a way what the server does, question by question."""
    return {
        variant: {
            question: steps
            for name, way in ways.items()
            if variant in way.of
            for question, steps in then(name, way.step).items()
        }
        for variant in VARIANTS
    }


def each(ways: Mapping[str, Way]) -> list[object]:
    """Each way with each variant that fails so."""
    return [pytest.param(variant, name, id=f"{name}-{variant}") for name, way in ways.items() for variant in way.of]


@pytest.fixture(scope="module")
def passing(models: ScriptedModels) -> Outcomes:
    """Each passing failure for ever, and once before an answer."""
    script = scripts(PASSING, lambda name, step: {name: [step], f"{name}, once": [step, "4"]})
    return models.ask_all(script, runtime={"generation_retry_attempts": ATTEMPTS})


@pytest.fixture(scope="module")
def throttled(models: ScriptedModels) -> Outcomes:
    """Each throttling twice before an answer, where no second attempt is allowed."""
    script = scripts(THROTTLED, lambda name, step: {name: [step, step, "4"]})
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(throttling_pauses, "FIRST_PAUSE_S", 0.01)
        quick.setattr(throttling_pauses, "OPENING_S", 0.01)
        return models.ask_all(script, runtime={"generation_retry_attempts": 1})


@pytest.fixture(scope="module")
def final(models: ScriptedModels) -> Outcomes:
    """Each failure that will repeat, where many attempts are allowed."""
    script = scripts(FINAL, lambda name, step: {name: [step, "4"]})
    return models.ask_all(script, runtime={"generation_retry_attempts": 5})


@pytest.fixture(scope="module")
def too_late(models: ScriptedModels) -> Outcomes:
    """What takes longer than `timeout_s`."""
    script: Script = {name: [step] for name, step in TOO_LATE.items()}
    return models.ask_all(dict.fromkeys(VARIANTS, script), runtime={"generation_retry_attempts": 2}, timeout_s=0.5)


@pytest.fixture(scope="module")
def silent(models: ScriptedModels) -> Outcomes:
    """A stream that pauses for longer than `idle_timeout_s`."""
    script: Script = {"silence": [breaking_off("silence"), breaking_off("silence"), "4"]}
    runtime = {"generation_retry_attempts": 3, "idle_timeout_s": 0.5}
    return models.ask_all(dict.fromkeys(STREAMED, script), runtime=runtime, timeout_s=5)


def check_failure(found: Asked, way: Way, *, retryable: bool) -> None:
    assert found.candidate is None
    assert found.failure is not None
    assert (found.failure.error_type, found.failure.category) == (way.kind, way.category)
    assert found.failure.retryable is retryable
    assert way.words in found.failure.message
    assert "\n" not in found.failure.message


@pytest.mark.parametrize(("variant", "name"), each(PASSING))
@pytest.mark.not_smoke
def test_a_passing_failure_is_tried_again_as_often_as_is_allowed(
    passing: Outcomes, variant: Variant, name: str
) -> None:
    found, way = passing[variant, name], PASSING[name]
    check_failure(found, way, retryable=True)
    assert len(found.requests) == ATTEMPTS
    assert found.failure is not None
    assert [(one["attempt"], one["error_type"]) for one in found.failure.attempts] == [(1, way.kind), (2, way.kind)]


@pytest.mark.parametrize(("variant", "name"), each(PASSING))
def test_an_answer_after_a_passing_failure_counts_and_the_failure_is_kept(
    passing: Outcomes, variant: Variant, name: str
) -> None:
    found, way = passing[variant, f"{name}, once"], PASSING[name]
    assert found.failure is None
    assert found.candidate is not None
    assert (found.candidate.final_output, len(found.requests)) == ("4", 2)
    ((attempt, kind, said),) = [(one["attempt"], one["error_type"], one["message"]) for one in found.tries]
    assert (attempt, kind) == (1, way.kind)
    assert way.words in said


@pytest.mark.parametrize(("variant", "name"), each(THROTTLED))
@pytest.mark.not_smoke
def test_a_throttled_call_waits_and_uses_up_no_attempt(throttled: Outcomes, variant: Variant, name: str) -> None:
    found, way = throttled[variant, name], THROTTLED[name]
    assert found.failure is None
    assert found.candidate is not None
    assert (found.candidate.final_output, len(found.requests)) == ("4", 3)
    ((count, kind, said),) = [(one["throttled"], one["error_type"], one["message"]) for one in found.tries]
    assert (count, kind) == (2, way.kind)
    assert way.words in said


@pytest.mark.parametrize(("variant", "name"), each(FINAL))
def test_a_failure_that_will_repeat_is_not_tried_again(final: Outcomes, variant: Variant, name: str) -> None:
    found = final[variant, name]
    check_failure(found, FINAL[name], retryable=False)
    assert (len(found.requests), found.tries) == (1, [])


@pytest.mark.not_smoke
@pytest.mark.parametrize("name", TOO_LATE)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_an_answer_that_takes_too_long_is_a_passing_failure(too_late: Outcomes, variant: Variant, name: str) -> None:
    found = too_late[variant, name]
    check_failure(found, later(None, "cannot answer now: no answer within the 0.5 s of timeout_s"), retryable=True)
    assert len(found.requests) == 2


@pytest.mark.not_smoke
@pytest.mark.parametrize("variant", STREAMED, ids=str)
def test_a_stream_that_is_silent_is_given_up_and_asked_again(silent: Outcomes, variant: Variant) -> None:
    found = silent[variant, "silence"]
    assert found.candidate is not None
    assert (found.candidate.final_output, len(found.requests)) == ("4", 3)
    assert [one["error_type"] for one in found.tries] == ["StalledStreamError", "StalledStreamError"]
    assert "sent nothing for 0.5 s in the middle of its answer" in found.tries[0]["message"]
