"""Each way in which an answer comes and ends, with each of the APIs, whole and streamed: what is kept of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.asked_models import VARIANTS, Asked, ScriptedModels, Variant
from tests.support.model_server import Answer, Behaviour, ToolCall, Usage
from tests.support.model_server.script import Step

LATENCY_S = 0.15
SPREAD_S = 0.2

CHAT = tuple(variant for variant in VARIANTS if variant.dialect == "chat_completions")
NO_CHAT = tuple(variant for variant in VARIANTS if variant.dialect != "chat_completions")
WITH_PARTS = tuple(variant for variant in VARIANTS if variant.dialect != "completions")
PLAIN_TEXT = tuple(variant for variant in VARIANTS if variant.dialect == "completions")

Outcomes = dict[tuple[Variant, str], Asked]


@dataclass(frozen=True)
class Way:
    """A way to answer, and what is right to keep of it.

    Attributes:
        step: what the server does.
        output: the answer.
        finish: how it ended, by dialect where they differ.
        ending: its category.
        more: attributes of the candidate, with their values.
        of: the variants that answer so.
    """

    step: Step
    output: Any = "4"
    finish: str = "stop"
    ending: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    of: Sequence[Variant] = VARIANTS


USAGE = Usage(prompt=20, output=9, cached=12, cache_write=3, reasoning=7)
COUNTS = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "cached_tokens": 12,
    "cache_write_tokens": 3,
    "reasoning_tokens": 7,
}
CALL = ToolCall("add", '{"a": 1, "b": 2}', "call_7")
CALLED = [{"name": "add", "arguments": '{"a": 1, "b": 2}'}]

WAYS = {
    "an answer": Way(Answer("4")),
    "a late answer": Way(Behaviour(reply=Answer("4"), latency_s=LATENCY_S)),
    "a slow answer": Way(Behaviour(reply=Answer("4"), spread_s=SPREAD_S)),
    "tokens": Way(Answer("4", usage=USAGE), more={"token_usage": COUNTS}),
    "another model": Way(Answer("4", served_model="m-2026"), more={"served_model": "m-2026"}),
    "cut off": Way(Answer("The sum is", finish="length"), "The sum is", "length", "truncated"),
    "cut off while it thought": Way(
        Answer("", reasoning="Two and", finish="length", usage=USAGE),
        "",
        "length",
        "truncated",
        {"token_usage": COUNTS, "reasoning": "Two and"},
    ),
    "a refusal": Way(
        Answer(None, refusal="I cannot.", finish="refusal"), "I cannot.", "refusal", "refused", of=NO_CHAT
    ),
    "a refusal of chat": Way(Answer(None, refusal="I cannot."), "I cannot.", "refusal", "refused", of=CHAT),
    "filtered": Way(Answer(None, finish="content_filter"), "", "content_filter", "refused"),
    "nothing": Way(Answer(""), "", "stop", "empty"),
    "blanks": Way(Answer(" \n"), " \n", "stop", "empty"),
    "an unknown end": Way(Answer("4", finish="tea_time"), "4", "tea_time"),
    "thoughts": Way(Answer("4", reasoning="2 + 2 is 4"), more={"reasoning": "2 + 2 is 4"}),
    "thoughts of a gateway": Way(
        Answer("4", reasoning="2 + 2", reasoning_in="reasoning"), more={"reasoning": "2 + 2"}, of=CHAT
    ),
    "thoughts in tags": Way(
        Answer("4", reasoning="2 + 2", reasoning_in="think_tags"), more={"reasoning": "2 + 2"}, of=CHAT
    ),
    "a call": Way(Answer(None, tool_calls=(CALL,)), CALLED, "tool_calls", of=WITH_PARTS),
    "a text and a call": Way(Answer("I add.", tool_calls=(CALL,)), "I add.", "tool_calls", of=WITH_PARTS),
}
FILTERED = {"completions": "content_filter", "messages": "refusal"}
"""What a dialect makes of a refusal or a filter that has no word of its own for it."""


def finish_of(name: str, variant: Variant) -> str:
    """How an answer ends in a dialect: two of them have one word for two ends."""
    finish = WAYS[name].finish
    return FILTERED.get(variant.dialect, finish) if finish in {"refusal", "content_filter"} else finish


def each(*names: str) -> list[object]:
    """Each way, or those of these names, with each variant that answers so."""
    chosen = {name: way for name, way in WAYS.items() if not names or name in names}
    return [pytest.param(variant, name, id=f"{name}-{variant}") for name, way in chosen.items() for variant in way.of]


@pytest.fixture(scope="module")
def outcomes(models: ScriptedModels) -> Outcomes:
    """All of them."""
    scripts = {variant: {name: [way.step] for name, way in WAYS.items() if variant in way.of} for variant in VARIANTS}
    return models.ask_all(scripts, runtime={"generation_retry_attempts": 3})


@pytest.mark.parametrize(("variant", "name"), each())
@pytest.mark.not_smoke
def test_an_answer_is_asked_for_once_and_its_end_and_its_parts_are_kept(
    outcomes: Outcomes, variant: Variant, name: str
) -> None:
    found, way = outcomes[variant, name], WAYS[name]
    assert (found.failure, found.tries, len(found.requests)) == (None, [], 1)
    assert found.candidate is not None
    assert (found.candidate.final_output, found.candidate.finish_reason, found.ending) == (
        way.output,
        finish_of(name, variant),
        way.ending,
    )
    kept = {attribute: getattr(found.candidate, attribute) for attribute in way.more}
    assert kept == way.more


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_reply_and_its_facts_are_kept_but_nothing_that_names_the_account(
    outcomes: Outcomes, variant: Variant
) -> None:
    candidate = outcomes[variant, "an answer"].candidate
    assert candidate is not None
    assert candidate.artifacts is not None
    reply: Any = candidate.artifacts["raw_response"]
    assert reply["model"] == candidate.served_model
    headers: Any = candidate.artifacts["response_headers"]
    request_id = candidate.artifacts["provider_request_id"]
    assert request_id
    assert request_id in headers.values()
    assert not [name for name in headers if "organization" in name or "project" in name or "cookie" in name]
    assert ("first_token_ms" in candidate.artifacts) is variant.stream


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_what_an_answer_takes_is_measured(outcomes: Outcomes, variant: Variant) -> None:
    late, slow = (outcomes[variant, name].candidate for name in ("a late answer", "a slow answer"))
    assert late is not None
    assert slow is not None
    assert (late.latency_ms or 0) >= LATENCY_S * 1_000
    assert (slow.latency_ms or 0) >= SPREAD_S * 1_000 * 0.9
    if variant.stream:
        first_ms: Any = (slow.artifacts or {})["first_token_ms"]
        assert 0 < first_ms < (slow.latency_ms or 0)


@pytest.mark.parametrize(("variant", "name"), each("a call", "a text and a call"))
def test_a_call_of_a_tool_is_in_the_conversation(outcomes: Outcomes, variant: Variant, name: str) -> None:
    candidate = outcomes[variant, name].candidate
    assert candidate is not None
    assert candidate.conversation is not None
    asked, said = candidate.conversation
    assert (asked.role, asked.content, said.role) == ("user", name, "assistant")
    content: Any = said.content
    assert [(call["name"], call["arguments"]) for call in content["tool_calls"]] == [("add", '{"a": 1, "b": 2}')]
    assert content["tool_calls"][0]["id"] == "call_7"


@pytest.mark.parametrize("variant", [one for one in VARIANTS if one.dialect == "messages"], ids=str)
def test_a_thought_is_kept_with_its_signature_among_the_parts(outcomes: Outcomes, variant: Variant) -> None:
    candidate = outcomes[variant, "thoughts"].candidate
    assert candidate is not None
    assert candidate.conversation is not None
    parts: Any = candidate.conversation[-1].content
    assert [part["type"] for part in parts] == ["thinking", "text"]
    assert (parts[0]["thinking"], bool(parts[0]["signature"]), parts[1]["text"]) == ("2 + 2 is 4", True, "4")
