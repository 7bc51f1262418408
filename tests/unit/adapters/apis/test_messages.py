"""Messages of Anthropic: bodies, replies and streams."""

from typing import Any

import pytest

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.apis import messages
from themis.adapters.conversation import Conversation

TURN = {"role": "user", "content": "2 + 2?"}
REDACTED = {"type": "redacted_thinking", "data": "abc"}
THINKING = {"type": "thinking", "thinking": "2 + 2 is 4", "signature": "s"}
TEXT = {"type": "text", "text": "4"}
TOOL = {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}


def body(*turns: dict[str, Any], instructions: str | None = None, **params: Any) -> dict[str, Any]:
    return messages.body(Conversation(instructions, list(turns) or [TURN]), params)


def reply(*blocks: dict[str, Any], stop_reason: str | None = "end_turn", **facts: Any) -> dict[str, Any]:
    return {"type": "message", "content": list(blocks), "stop_reason": stop_reason, **facts}


def test_a_body_holds_the_turns_and_what_was_set_and_nothing_else() -> None:
    assert body(max_tokens=64, temperature=0, top_k=5, thinking={"type": "adaptive"}) == {
        "messages": [TURN],
        "max_tokens": 64,
        "temperature": 0,
        "top_k": 5,
        "thinking": {"type": "adaptive"},
    }


def test_instructions_are_the_system_prompt() -> None:
    assert body(instructions="Be brief.") == {"system": "Be brief.", "messages": [TURN]}


def test_a_system_message_is_no_turn() -> None:
    told = {"role": "system", "content": "You calculate."}
    asked = body(told, {"role": "developer", "content": "At once."}, TURN, instructions="Be brief.")
    assert asked == {"system": "Be brief.\n\nYou calculate.\n\nAt once.", "messages": [TURN]}


def test_a_system_message_of_parts_stays_in_parts() -> None:
    part = {"type": "text", "text": "You calculate.", "cache_control": {"type": "ephemeral"}}
    asked = body({"role": "system", "content": [part]}, TURN, instructions="Be brief.")
    assert asked["system"] == [{"type": "text", "text": "Be brief."}, part]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"stop": "\n"}, {"stop_sequences": ["\n"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"reasoning_effort": "low"}, {"output_config": {"effort": "low"}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
        (
            {"output_config": {"effort": "high"}, "response_format": {"type": "json_schema", "schema": {}}},
            {"output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}}},
        ),
        ({"tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        ({"tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "any"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"tool_choice": {"type": "tool", "name": "add"}},
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]},
            {"tools": [{"name": "add", "input_schema": {"type": "object"}}]},
        ),
        (
            {"tools": [{"type": "function", "name": "add", "description": "Adds."}]},
            {"tools": [{"name": "add", "description": "Adds.", "input_schema": {"type": "object", "properties": {}}}]},
        ),
        (
            {"tools": [{"name": "add", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]},
            {"tools": [{"name": "add", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]},
        ),
    ],
)
def test_parameters_of_chat_completions_are_given_their_names_here(given: dict[str, Any], sent: dict[str, Any]) -> None:
    assert body(**given) == {"messages": [TURN], **sent}


def test_thinking_is_kept_apart_from_the_answer() -> None:
    found = messages.read(reply(THINKING, TEXT, model="claude-2026"))
    assert (found.text, found.reasoning, found.finish_reason) == ("4", "2 + 2 is 4", "stop")
    assert (found.content, found.served_model) == ([THINKING, TEXT], "claude-2026")


def test_thinking_that_nobody_may_read_is_kept_among_the_parts() -> None:
    found = messages.read(reply(REDACTED, TEXT))
    assert (found.text, found.reasoning, found.content) == ("4", None, [REDACTED, TEXT])


def test_an_answer_of_texts_is_one_text() -> None:
    found = messages.read(reply(TEXT, {"type": "text", "text": "2"}))
    assert (found.text, found.content) == ("42", None)


def test_the_tokens_of_the_cache_are_among_those_of_the_prompt() -> None:
    usage = {
        "input_tokens": 5,
        "cache_read_input_tokens": 12,
        "cache_creation_input_tokens": 3,
        "output_tokens": 30,
        "output_tokens_details": {"thinking_tokens": 25},
    }
    assert messages.read(reply(TEXT, usage=usage)).usage == {
        "prompt_tokens": 20,
        "completion_tokens": 30,
        "cached_tokens": 12,
        "cache_write_tokens": 3,
        "reasoning_tokens": 25,
    }
    assert messages.read(reply(TEXT, usage={"input_tokens": 5, "output_tokens": 1})).usage == {
        "prompt_tokens": 5,
        "completion_tokens": 1,
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
        (None, None),
    ],
)
def test_a_stop_reason_is_given_its_common_name(said: str | None, kept: str | None) -> None:
    assert messages.read(reply(TEXT, stop_reason=said)).finish_reason == kept


def test_a_refusal_without_a_text_says_why() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "I cannot."}
    found = messages.read(reply(stop_reason="refusal", stop_details=details))
    assert (found.text, found.finish_reason, found.facts) == ("I cannot.", "refusal", {"stop_details": details})


def test_a_call_of_a_tool_has_its_arguments_as_text_like_everywhere() -> None:
    assert messages.read(reply(TOOL, stop_reason="tool_use")).tool_calls == [
        {"id": "1", "name": "add", "arguments": '{"a": 1}'}
    ]


@pytest.mark.parametrize("document", [{}, {"content": None}, {"content": "4"}, {"choices": []}])
def test_a_reply_without_content_is_no_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReplyError, match="no content"):
        messages.read(document)


def event(kind: str, **facts: Any) -> dict[str, Any]:
    return {"type": kind, **facts}


def started(**usage: int) -> dict[str, Any]:
    return event("message_start", message={"model": "m", "content": [], "stop_reason": None, "usage": usage})


def block(index: int, begun: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        event("content_block_start", index=index, content_block=begun),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def ended(stop_reason: str) -> list[dict[str, Any]]:
    usage = {"input_tokens": None, "output_tokens": 9}
    return [event("message_delta", delta={"stop_reason": stop_reason}, usage=usage), event("message_stop")]


def test_a_stream_makes_up_the_same_reply() -> None:
    events = [
        started(input_tokens=5, output_tokens=1),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "2 + 2 "},
            {"type": "thinking_delta", "thinking": "is 4"},
            {"type": "signature_delta", "signature": "s"},
        ),
        event("ping"),
        *block(1, REDACTED),
        *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "4"}),
        *block(
            3,
            {"type": "tool_use", "id": "1", "name": "add", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"a"'},
            {"type": "input_json_delta", "partial_json": ": 1}"},
        ),
        *ended("tool_use"),
    ]
    joined = messages.join_stream(events)
    assert joined["content"] == [THINKING, REDACTED, TEXT, TOOL]
    assert messages.read(joined).usage == {"prompt_tokens": 5, "completion_tokens": 9}
    assert messages.read(joined).finish_reason == "tool_calls"


def test_the_arguments_of_a_tool_that_were_cut_off_are_kept_as_they_came() -> None:
    call = block(0, {**TOOL, "input": {}}, {"type": "input_json_delta", "partial_json": '{"a'})
    joined = messages.join_stream([started(), *call, *ended("max_tokens")])
    assert messages.read(joined).tool_calls[0]["arguments"] == '{"a'


def test_the_sources_of_a_text_are_kept() -> None:
    cited = block(0, {"type": "text", "text": "4"}, {"type": "citations_delta", "citation": {"url": "u"}})
    assert messages.join_stream([started(), *cited, *ended("end_turn")])["content"][0]["citations"] == [{"url": "u"}]


def test_an_error_in_a_stream_is_its_reply() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    assert messages.join_stream([started(), event("error", error=error)]) == {"error": error}


@pytest.mark.parametrize("events", [[], [started()], [started(), *block(0, TEXT)]])
def test_a_stream_that_stops_before_its_end_is_no_answer(events: list[dict[str, Any]]) -> None:
    with pytest.raises(UnreadableReplyError, match="ended before"):
        messages.join_stream(events)
