"""The generator of LiteLLM through LiteLLM itself, to both kinds of providers, against the scripted server."""

import asyncio
import gc
import importlib.util
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.asked_models import Asked, ScriptedModels, Variant
from tests.support.model_server import Answer, Behaviour, BreakOff, Failure, HangUp, ToolCall, Usage
from tests.support.model_server import failures as failing
from tests.support.model_server.script import Step
from themis.adapters import litellm
from themis.core.config import RuntimeConfig
from themis.core.errors import RunStoppedError
from themis.core.evaluate import evaluate

pytestmark = [
    pytest.mark.slow,  # its import alone takes seconds
    pytest.mark.skipif(
        importlib.util.find_spec("litellm") is None,
        reason="LiteLLM is not installed: pip install 'themis-eval[litellm]'",
    ),
    pytest.mark.filterwarnings("ignore"),  # its own, by the dozen
]

VARIANTS = [Variant(f"litellm {family}", stream) for family in ("openai", "anthropic") for stream in (False, True)]
WHOLE, STREAMED = VARIANTS[::2], VARIANTS[1::2]
USAGE = Usage(prompt=20, output=9, cached=12, cache_write=3, reasoning=7)
CALL = ToolCall("add", '{"a": 1}')

ANSWERS: dict[str, tuple[Step, Any, str, str | None]] = {
    "an answer": (Answer("4", served_model="m-2026"), "4", "stop", None),
    "thoughts and tokens": (Answer("4", reasoning="2 + 2", usage=USAGE), "4", "stop", None),
    "cut off": (Answer("The sum", finish="length"), "The sum", "length", "truncated"),
    "a call": (Answer(None, tool_calls=(CALL,)), [{"name": "add", "arguments": '{"a": 1}'}], "tool_calls", None),
}
ONLY_WHOLE: dict[str, tuple[Step, Any, str, str | None]] = {
    "a refusal": (Answer(None, refusal="I cannot."), "I cannot.", "refusal", "refused"),
}
"""LiteLLM takes it out of a stream."""

ONLY_OPENAI: dict[str, tuple[Step, Any, str, str | None]] = {
    "an unknown end": (Answer("4", finish="tea_time"), "4", "tea_time", None),
}
"""LiteLLM hands it on from a whole reply of this kind alone."""

ALL_ANSWERS = {**ANSWERS, **ONLY_WHOLE, **ONLY_OPENAI}

PASSING: dict[str, tuple[Step, set[str]]] = {
    "500": (failing.server_error(), {"ProviderUnavailableError"}),
    "408": (failing.timed_out(), {"ProviderUnavailableError"}),
    "502 with a page": (failing.html_page(502), {"ProviderUnavailableError"}),
    "a disconnect": (HangUp(), {"ProviderUnavailableError"}),
    "an error in a 200": (failing.error_in_200(), {"ProviderUnavailableError", "BadResponseError"}),
    "a page": (failing.html_page(), {"BadResponseError"}),
    "nothing": (failing.empty_body(), {"BadResponseError"}),
}
FINAL: dict[str, tuple[Step, str, str]] = {
    "401": (
        failing.unauthorized(),
        "ProviderKeyError",
        "refuses the API key: Incorrect API key provided. (status 401)",
    ),
    "403": (failing.forbidden(), "ProviderKeyError", "You are not allowed"),
    "404": (failing.model_not_found("m"), "ProviderNotFoundError", "The model 'm' does not exist"),
    "a context that is too long": (failing.context_too_long(), "RefusedCaseError", "maximum context length"),
    "another bad request": (Failure(400, "No."), "InvalidRequestError", "No. (status 400)"),
}


@pytest.fixture(scope="module")
def found(models: ScriptedModels) -> Iterator[dict[tuple[Variant, str], Asked]]:
    """What came of each question, in each variant."""
    script: dict[str, list[Step]] = {name: [step] for name, (step, *_) in ALL_ANSWERS.items()}
    script |= {name: [step] for name, (step, _) in PASSING.items()}
    script |= {name: [step, "4"] for name, (step, *_) in FINAL.items()}
    script |= {"throttled": [failing.throttled(0.05), failing.overloaded(), "4"]}
    script |= {
        "half a reply": [Behaviour(breaks_off=BreakOff(1, "end"))],
        "broken": [Behaviour(breaks_off=BreakOff(1))],
    }
    with warnings.catch_warnings(action="ignore"):
        yield models.ask_all(dict.fromkeys(VARIANTS, script), runtime={"generation_retry_attempts": 2}, timeout_s=60)


def each() -> list[object]:
    """Each answer, in each variant that hands it on."""
    chosen = [(name, variant) for name in ANSWERS for variant in VARIANTS]
    chosen += [(name, variant) for name in ONLY_WHOLE for variant in WHOLE]
    chosen += [(name, WHOLE[0]) for name in ONLY_OPENAI]
    return [pytest.param(name, variant, id=f"{name}-{variant}") for name, variant in chosen]


@pytest.mark.parametrize(("name", "variant"), each())
def test_an_answer_is_asked_for_once_and_kept(found: Any, name: str, variant: Variant) -> None:
    asked = found[variant, name]
    _, output, finish, ending = ALL_ANSWERS[name]
    assert (asked.failure, len(asked.requests)) == (None, 1)
    assert (asked.candidate.final_output, asked.candidate.finish_reason, asked.ending) == (output, finish, ending)
    assert asked.requests[0].key == "key-of-the-lab"


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_thoughts_tokens_the_request_and_the_model_are_kept(found: Any, variant: Variant) -> None:
    candidate = found[variant, "thoughts and tokens"].candidate
    assert candidate.reasoning == "2 + 2"
    assert candidate.token_usage["prompt_tokens"] == 20
    assert candidate.token_usage["completion_tokens"] == 9
    assert candidate.token_usage["cached_tokens"] == 12
    if not variant.stream:
        assert candidate.artifacts["provider_request_id"].startswith("req_")
        assert found[variant, "an answer"].candidate.served_model == "m-2026"


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("name", PASSING)
def test_a_passing_failure_is_tried_again(found: Any, name: str, variant: Variant) -> None:
    asked = found[variant, name]
    assert len(asked.requests) == 2
    assert asked.failure.error_type in PASSING[name][1] | ({"BadResponseError"} if variant.stream else set())
    assert asked.failure.retryable
    assert "\n" not in asked.failure.message


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("name", ["half a reply", "broken"])
def test_a_reply_that_does_not_come_to_its_end_is_tried_again(found: Any, name: str, variant: Variant) -> None:
    asked = found[variant, name]
    assert asked.failure is not None
    assert (asked.failure.retryable, len(asked.requests)) == (True, 2)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("name", FINAL)
def test_a_failure_that_will_repeat_is_not_tried_again(found: Any, name: str, variant: Variant) -> None:
    asked = found[variant, name]
    _, kind, words = FINAL[name]
    assert (asked.failure.error_type, asked.failure.retryable, len(asked.requests)) == (kind, False, 1)
    assert words in asked.failure.message


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_throttled_call_waits_and_uses_up_no_attempt(found: Any, variant: Variant) -> None:
    asked = found[variant, "throttled"]
    assert (asked.failure, len(asked.requests)) == (None, 3)
    assert [(one["throttled"], one["error_type"]) for one in asked.tries] == [(2, "ProviderThrottledError")]


def test_a_parameter_that_the_model_refuses_stops_the_run(models: ScriptedModels) -> None:
    script = {"q": [failing.refusing("temperature")]}
    with pytest.raises(RunStoppedError, match=r"generation\.generator\.with\.params\.temperature"):
        asyncio.run(models.ask(WHOLE[0], script, runtime={}, params={"temperature": 0.2}))


def test_an_address_where_nobody_listens_breaks_the_run_off(models: ScriptedModels) -> None:
    class Nowhere:
        openai_url = "http://127.0.0.1:9/v1"

    generator = WHOLE[0].generator(Nowhere(), "m")  # type: ignore[arg-type]
    runtime = RuntimeConfig(generation_retry_attempts=1)
    data = [{"input": "q", "expected_output": "4"}]
    case = evaluate(model=generator, data=data, metric="builtin/exact_match", runtime=runtime).cases[0]
    assert case.generation_failures["0"].error_type == "ProviderUnreachableError"


def test_the_end_of_a_run_closes_its_connections(models: ScriptedModels) -> None:
    with warnings.catch_warnings(record=True, action="always") as seen:
        asyncio.run(models.ask(WHOLE[0], {"q": ["4"]}, runtime={}))
        gc.collect()
    assert [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)] == []


def test_the_generator_is_known_by_its_provider() -> None:
    assert litellm("groq/llama", api_key="key-of-the-lab").provider_key == "litellm:groq"
