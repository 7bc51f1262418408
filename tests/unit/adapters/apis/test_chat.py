"""Chat completions: bodies, replies and streams."""

from typing import Any

import pytest

from tests.support.model_server import Answer
from tests.support.model_server.dialects import Asked
from tests.support.model_server.dialects.chat import Chat
from themis.adapters.answer import UnreadableReplyError
from themis.adapters.apis import chat
from themis.adapters.conversation import Conversation

ASKED = Conversation("Be brief.", [{"role": "user", "content": "2 + 2?"}])


def reply(message: dict[str, Any], finish_reason: Any = "stop", **facts: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], **facts}


def test_a_body_holds_the_conversation_and_what_was_set_and_nothing_else() -> None:
    body = chat.body(ASKED, {"temperature": 0, "stop": ["\n"], "seed": 7}, is_openai=False)
    assert body == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}],
        "temperature": 0,
        "stop": ["\n"],
        "seed": 7,
    }


@pytest.mark.parametrize(("is_openai", "name"), [(True, "max_completion_tokens"), (False, "max_tokens")])
def test_the_limit_of_tokens_has_the_name_that_the_server_takes(name: str, *, is_openai: bool) -> None:
    body = chat.body(ASKED, {"max_tokens": 64}, is_openai=is_openai)
    assert {key: value for key, value in body.items() if key != "messages"} == {name: 64}


def test_an_answer_is_read_with_its_tokens_and_the_server_that_gave_it() -> None:
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 25},
    }
    found = chat.read(
        reply({"content": "4"}, usage=usage, model="m-2026", system_fingerprint="fp_1", provider="Upstream")
    )
    assert (found.text, found.finish_reason, found.served_model, found.content) == ("4", "stop", "m-2026", None)
    assert found.usage == {
        "prompt_tokens": 20,
        "completion_tokens": 30,
        "cached_tokens": 12,
        "cache_write_tokens": 3,
        "reasoning_tokens": 25,
    }
    assert found.facts == {"system_fingerprint": "fp_1", "upstream_provider": "Upstream"}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart(name: str) -> None:
    found = chat.read(reply({"content": "4", name: "2 + 2 is 4"}))
    assert (found.text, found.reasoning) == ("4", "2 + 2 is 4")


def test_a_refusal_is_a_refusal_with_its_words_whatever_the_finish_reason_says() -> None:
    found = chat.read(reply({"content": None, "refusal": "I cannot."}))
    assert (found.text, found.finish_reason) == ("I cannot.", "refusal")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("content_filter", "content_filter"),
        ("length", "length"),
        ("function_call", "tool_calls"),
        ("eos_token", "eos_token"),
        (None, None),
        (7, None),
    ],
)
def test_a_finish_reason_that_nobody_knows_is_kept_as_it_came(said: Any, kept: str | None) -> None:
    found = chat.read(reply({"content": None}, said))
    assert (found.text, found.finish_reason) == ("", kept)


def test_tool_calls_are_read() -> None:
    calls = [
        {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
        {"id": "2", "type": "custom", "custom": {"name": "run", "input": "ls"}},
        "none",
    ]
    assert chat.read(reply({"content": None, "tool_calls": calls}, "tool_calls")).tool_calls == [
        {"id": "1", "name": "add", "arguments": '{"a": 1}'},
        {"id": "2", "name": "run", "arguments": "ls"},
    ]


def test_a_function_call_of_older_servers_is_a_tool_call() -> None:
    found = chat.read(reply({"content": None, "function_call": {"name": "add", "arguments": "{}"}}, "function_call"))
    assert found.tool_calls == [{"id": None, "name": "add", "arguments": "{}"}]
    assert found.finish_reason == "tool_calls"


def test_content_parts_are_kept_and_their_texts_are_the_answer() -> None:
    parts = [{"type": "text", "text": "4"}, {"type": "text", "text": "!"}]
    found = chat.read(reply({"content": parts}))
    assert (found.text, found.content) == ("4\n!", parts)


@pytest.mark.parametrize(
    "usage", [None, [], "many", {"prompt_tokens": "3"}, {"prompt_tokens": -1}, {"prompt_tokens": True}]
)
def test_counts_that_are_none_are_absent(usage: Any) -> None:
    assert chat.read(reply({"content": "4"}, usage=usage)).usage == {}


@pytest.mark.parametrize(
    "document",
    [{}, {"choices": []}, {"choices": None}, {"choices": "x"}, {"choices": [None]}, {"choices": [{}]}],
)
def test_a_reply_without_a_choice_or_a_message_is_no_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReplyError, match=r"no choices|no message"):
        chat.read(document)


def test_a_stream_makes_up_the_same_reply() -> None:
    calls = [{"index": 0, "id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a"'}}]
    rest = [{"index": 0, "function": {"arguments": ": 1}"}}, {"index": 1, "function": {"name": "sub"}}]
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "2 + 2 "},
        {"reasoning_content": "is 4"},
        {"content": "fo"},
        {"content": "ur"},
        {"tool_calls": calls},
        {"tool_calls": rest},
    ]
    chunks = [{"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    other = {"choices": [{"index": 1, "delta": {"content": "of another choice"}}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None}
    found = chat.read(chat.join_stream([*chunks, other, end, {"choices": [], "usage": {"prompt_tokens": 3}}]))
    assert (found.text, found.reasoning, found.finish_reason) == ("four", "2 + 2 is 4", "stop")
    assert found.tool_calls == [
        {"id": "1", "name": "add", "arguments": '{"a": 1}'},
        {"id": None, "name": "sub", "arguments": ""},
    ]
    assert (found.usage, found.served_model) == ({"prompt_tokens": 3}, "m")


def test_a_tool_call_whose_number_is_absurd_takes_no_memory() -> None:
    call = {"index": 10**9, "function": {"name": "add", "arguments": ""}}
    end = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "stop"}]}
    assert len(chat.join_stream([end])["choices"][0]["message"]["tool_calls"]) < 1_000


def test_a_stream_that_stops_before_its_end_is_no_answer() -> None:
    with pytest.raises(UnreadableReplyError, match="ended before"):
        chat.join_stream([{"choices": [{"index": 0, "delta": {"content": "4"}}]}])


def test_the_scripted_server_writes_what_is_read() -> None:
    asked = Asked(number=1, data={"model": "m", "messages": [{"role": "user", "content": "?"}]}, at=1)
    found = chat.read(Chat().body(Answer("4", reasoning="hm", finish="length"), asked))
    assert (found.text, found.reasoning, found.finish_reason) == ("4", "hm", "length")
