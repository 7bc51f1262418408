"""Anthropic's generator through its official client library, against the scripted server."""

import asyncio
from typing import Any

import anthropic as library
import pytest

from tests.support.asked_models import RUNTIME, Asked, ScriptedModels, Variant
from tests.support.model_server import Answer, Behaviour, Request, ToolCall, Usage
from themis.adapters import AnthropicGenerator, anthropic
from themis.adapters.anthropic import MAX_TOKENS
from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext
from themis.core.evaluate import evaluate
from themis.core.models import Case, GenerationResult
from themis.core.prompts import PromptSpec

WAYS = [pytest.param(False, id="whole"), pytest.param(True, id="streamed")]
QUESTION = "How much is two and two?"

Got = tuple[GenerationResult, Request]


def answer(models: ScriptedModels, step: Any = None, value: Any = QUESTION, **more: Any) -> Got:
    """What became of one case, and the request that it took."""
    seeds = more.pop("seeds", None)
    before = len(models.server.questions)
    if step is not None:
        models.server.play(step)
    result = evaluate(
        model=anthropic("claude-x", base_url=models.server.anthropic_url, **more),
        data=[{"input": value, "expected_output": "4"}],
        metric="builtin/exact_match",
        seeds=seeds,
        runtime=RuntimeConfig.model_validate(RUNTIME),
    )
    (case,) = result.cases
    assert case.generation_failures == {}
    (request,) = models.server.questions[before:]
    return case.generated_candidates[0], request


# --- what is sent


def test_a_request_holds_the_model_the_turns_and_a_limit_and_nothing_else(models: ScriptedModels) -> None:
    _, request = answer(models, api_key="key-of-the-lab")
    assert request.data == {
        "model": "claude-x",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": MAX_TOKENS,
    }
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.key == "key-of-the-lab"
    assert "anthropic-version" in request.headers


def test_a_stream_is_asked_for_only_where_the_config_says_so(models: ScriptedModels) -> None:
    assert answer(models, stream=True)[1].data["stream"] is True


def test_a_limit_that_is_set_is_sent_and_decides_the_run_as_the_default_does(models: ScriptedModels) -> None:
    _, request = answer(models, params={"max_tokens": 7})
    assert request.data["max_tokens"] == 7
    assert anthropic("m").arguments == AnthropicGenerator("m", params={"max_tokens": MAX_TOKENS}).arguments
    assert anthropic("m").arguments != anthropic("m", params={"max_tokens": 7}).arguments


def test_parameters_have_the_names_of_this_api(models: ScriptedModels) -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    params = {
        "temperature": 0.5,
        "top_k": 5,
        "stop": "\n\n",
        "reasoning_effort": "low",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [tool],
        "tool_choice": "required",
    }
    _, request = answer(models, params=params, extra_body={"service_tier": "auto"})
    assert {name: value for name, value in request.data.items() if name not in {"model", "messages"}} == {
        "max_tokens": MAX_TOKENS,
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["\n\n"],
        "output_config": {"effort": "low"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "add", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
        "service_tier": "auto",
    }


def test_a_header_is_added(models: ScriptedModels) -> None:
    _, request = answer(models, extra_headers={"anthropic-beta": "context-1m"})
    assert request.headers["anthropic-beta"] == "context-1m"


def test_a_system_turn_and_the_instructions_are_the_system_prompt_and_no_turn(models: ScriptedModels) -> None:
    turns = [
        {"role": "system", "content": "You calculate."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    candidate, request = answer(models, value=turns, instructions="Be brief.")
    assert request.data["system"] == "Be brief.\n\nYou calculate."
    assert request.data["messages"] == turns[1:]
    assert candidate.conversation is not None
    assert [message.role for message in candidate.conversation] == ["system", "user", "assistant", "user", "assistant"]


def test_equal_instructions_are_sent_once(models: ScriptedModels) -> None:
    generator = anthropic("m", base_url=models.server.anthropic_url, instructions="Be brief.")
    context = GenerateContext(run_id="r", case_id="c", prompt_spec=PromptSpec(instructions="Be brief."))
    body = generator.request(Case(case_id="c", input="2 + 2?"), context).body
    assert (body["system"], body["messages"]) == ("Be brief.", [{"role": "user", "content": "2 + 2?"}])


@pytest.mark.parametrize("given", [{"seeds": [7]}, {"params": {"seed": 7}}])
def test_a_seed_is_recorded_as_not_sent_as_the_api_has_none(models: ScriptedModels, given: dict[str, Any]) -> None:
    candidate, request = answer(models, **given)
    assert "seed" not in request.data
    assert (candidate.artifacts or {})["not_sent"] == ["seed"]


def test_without_a_seed_nothing_is_recorded(models: ScriptedModels) -> None:
    assert "not_sent" not in (answer(models)[0].artifacts or {})


# --- what comes back


@pytest.mark.parametrize("stream", WAYS)
def test_thinking_is_kept_apart_with_its_tokens(models: ScriptedModels, stream: bool) -> None:
    usage = Usage(prompt=20, output=30, reasoning=25)
    candidate, _ = answer(models, Answer("4", reasoning="2 + 2\nis 4", usage=usage), stream=stream)
    assert (candidate.final_output, candidate.reasoning, candidate.finish_reason) == ("4", "2 + 2\nis 4", "stop")
    assert candidate.token_usage is not None
    assert candidate.token_usage["reasoning_tokens"] == 25


@pytest.mark.parametrize("stream", WAYS)
def test_the_tokens_of_the_cache_are_counted_and_are_among_those_of_the_prompt(
    models: ScriptedModels, stream: bool
) -> None:
    candidate, _ = answer(
        models, Answer("4", usage=Usage(prompt=20, output=9, cached=12, cache_write=3)), stream=stream
    )
    raw: Any = (candidate.artifacts or {})["raw_response"]
    assert raw["usage"]["input_tokens"] == 5
    assert candidate.token_usage == {
        "prompt_tokens": 20,
        "completion_tokens": 9,
        "cached_tokens": 12,
        "cache_write_tokens": 3,
        "reasoning_tokens": 0,
    }


@pytest.mark.parametrize("stream", WAYS)
def test_a_refusal_is_told_with_its_reason(models: ScriptedModels, stream: bool) -> None:
    candidate, _ = answer(models, Answer(None, refusal="This is not allowed.", finish="refusal"), stream=stream)
    assert (candidate.final_output, candidate.finish_reason) == ("This is not allowed.", "refusal")
    details: Any = (candidate.artifacts or {})["stop_details"]
    assert details["explanation"] == "This is not allowed."


@pytest.mark.parametrize("stream", WAYS)
def test_calls_of_tools_are_the_output_where_there_is_no_text(models: ScriptedModels, stream: bool) -> None:
    calls = (ToolCall("add", '{"a": 1}', "c1"), ToolCall("add", '{"a": 2, "b": {"c": [3]}}', "c2"))
    candidate, _ = answer(models, Answer(None, tool_calls=calls), stream=stream)
    assert candidate.finish_reason == "tool_calls"
    assert candidate.final_output == [
        {"name": "add", "arguments": '{"a": 1}'},
        {"name": "add", "arguments": '{"a": 2, "b": {"c": [3]}}'},
    ]
    raw: Any = (candidate.artifacts or {})["raw_response"]
    assert [block["input"] for block in raw["content"]] == [{"a": 1}, {"a": 2, "b": {"c": [3]}}]


@pytest.mark.parametrize("stream", WAYS)
def test_the_request_id_and_the_limits_of_anthropic_are_kept(models: ScriptedModels, stream: bool) -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-tokens-limit": "40000",
    }
    candidate, _ = answer(models, Behaviour(reply=Answer("4"), headers=headers), stream=stream)
    artifacts = candidate.artifacts or {}
    assert str(artifacts["provider_request_id"]).startswith("req_")
    assert artifacts["rate_limit"] == {"requests_limit": 50.0, "requests_remaining": 49.0, "tokens_limit": 40_000.0}


def test_whole_and_streamed_the_same_is_kept(models: ScriptedModels) -> None:
    step = Answer("4", reasoning="2 + 2", tool_calls=(ToolCall("add", '{"a": 1}'),))

    async def both() -> list[Any]:
        asking = (models.ask(Variant("messages", way), {"q": [step]}, runtime={}) for way in (False, True))
        return [found["q"].candidate for found in await asyncio.gather(*asking)]

    whole, streamed = asyncio.run(both())
    for attribute in ("final_output", "reasoning", "finish_reason", "conversation", "token_usage"):
        assert getattr(whole, attribute) == getattr(streamed, attribute)


# --- a client of one's own


@pytest.mark.parametrize("stream", WAYS)
def test_the_official_client_of_a_user_is_used_and_left_open(models: ScriptedModels, stream: bool) -> None:
    async def ask() -> Asked:
        url = models.server.anthropic_url
        async with library.AsyncAnthropic(base_url=url, api_key="key-of-the-user", max_retries=0) as client:
            step = Answer("4", reasoning="2 + 2", usage=Usage(prompt=20, output=9, cached=12))
            settings = {"client": client, "extra_body": {"top_k": 3}}
            found = await models.ask(Variant("messages", stream), {"q": [step]}, runtime={}, **settings)
            assert not client.is_closed()
            return found["q"]

    found = asyncio.run(ask())
    candidate, (request,) = found.candidate, found.requests
    assert candidate is not None
    assert (candidate.final_output, candidate.reasoning, candidate.finish_reason) == ("4", "2 + 2", "stop")
    assert candidate.token_usage is not None
    assert (candidate.token_usage["prompt_tokens"], candidate.token_usage["cached_tokens"]) == (20, 12)
    assert (request.key, request.data["top_k"]) == ("key-of-the-user", 3)
    assert (candidate.artifacts or {})["provider_request_id"]
