"""Responses: bodies, replies and streams."""

from typing import Any

import pytest

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.apis import responses
from themis.adapters.conversation import Conversation

TURN = {"role": "user", "content": "2 + 2?"}
ASKED = Conversation(None, [TURN])


def body(**params: Any) -> dict[str, Any]:
    return responses.body(ASKED, params, is_openai=True)


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


def reply(*output: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"status": "completed", "output": list(output), **facts}


def test_a_single_text_of_the_user_needs_no_list_around_it() -> None:
    assert body() == {"input": "2 + 2?"}


def test_instructions_and_turns_have_fields_of_their_own() -> None:
    turns = [TURN, {"role": "assistant", "content": "4"}, TURN]
    asked = responses.body(Conversation("Be brief.", turns), {}, is_openai=True)
    assert asked == {"instructions": "Be brief.", "input": turns}


def test_parameters_of_chat_completions_are_given_their_names_here() -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}
    asked = body(
        max_tokens=64,
        reasoning_effort="low",
        verbosity="high",
        response_format=schema,
        tools=[tool, {"type": "web_search"}],
        tool_choice={"type": "function", "function": {"name": "add"}},
        temperature=1,
    )
    assert asked == {
        "input": "2 + 2?",
        "max_output_tokens": 64,
        "reasoning": {"effort": "low"},
        "text": {
            "verbosity": "high",
            "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
        },
        "tools": [{"type": "function", "name": "add", "parameters": {}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "add"},
        "temperature": 1,
    }


def test_parameters_of_this_api_are_left_as_they_are() -> None:
    said = {"reasoning": {"summary": "auto"}, "text": {"format": {"type": "text"}}, "tool_choice": "auto"}
    assert body(**said) == {"input": "2 + 2?", **said}
    assert body(reasoning={"summary": "auto"}, reasoning_effort="low")["reasoning"] == {
        "summary": "auto",
        "effort": "low",
    }


def test_an_answer_is_read_with_its_reasoning_and_tokens() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "content": [{"text": "b"}]}
    usage = {
        "input_tokens": 20,
        "output_tokens": 30,
        "input_tokens_details": {"cached_tokens": 12},
        "output_tokens_details": {"reasoning_tokens": 25},
    }
    found = responses.read(reply(thought, message(text("fo"), text("ur")), usage=usage, model="m-2026"))
    assert (found.text, found.reasoning, found.finish_reason) == ("four", "a\n\nb", "stop")
    assert found.content == [text("fo"), text("ur")]
    assert found.served_model == "m-2026"
    assert found.usage == {
        "prompt_tokens": 20,
        "completion_tokens": 30,
        "cached_tokens": 12,
        "reasoning_tokens": 25,
    }


def test_a_single_text_is_its_own_content() -> None:
    assert responses.read(reply(message(text("4")))).content is None


def test_the_text_that_a_client_computes_stands_in_for_an_output() -> None:
    assert responses.read({"output_text": "4"}).text == "4"
    assert responses.read({"output_text": "4", "output": []}).text == "4"


def test_a_refusal_is_told_by_its_part() -> None:
    found = responses.read(reply(message({"type": "refusal", "refusal": "I cannot."})))
    assert (found.text, found.finish_reason) == ("I cannot.", "refusal")


def test_a_call_of_a_tool_is_how_an_answer_ended() -> None:
    call = {"type": "function_call", "call_id": "1", "name": "add", "arguments": "{}"}
    found = responses.read(reply(call))
    assert found.tool_calls == [{"id": "1", "name": "add", "arguments": "{}"}]
    assert found.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "solar_flare"}}, "solar_flare"),
        ({"status": "incomplete"}, "incomplete"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": None}, "stop"),
    ],
)
def test_an_answer_that_is_not_whole_says_why(facts: dict[str, Any], kept: str) -> None:
    assert responses.read(reply(**facts)).finish_reason == kept


@pytest.mark.parametrize("document", [{}, {"output": None}, {"output": "4"}, {"choices": []}])
def test_a_reply_without_an_output_is_no_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReplyError, match="no output"):
        responses.read(document)


def test_the_reply_of_a_stream_is_in_its_last_event() -> None:
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "delta": "4"},
        {"type": "response.completed", "response": {"a": 1}},
    ]
    assert responses.join_stream(events) == {"a": 1}


def test_an_error_in_a_stream_is_its_reply() -> None:
    event = {"type": "error", "code": "server_error", "message": "It broke."}
    assert responses.join_stream([event]) == {"error": event}


def test_a_stream_that_stops_before_its_end_is_no_answer() -> None:
    with pytest.raises(UnreadableReplyError, match="ended before"):
        responses.join_stream([{"type": "response.output_text.delta", "delta": "4"}])
