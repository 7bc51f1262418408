"""Plain completions: bodies, replies and streams."""

from typing import Any

import pytest

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.apis import completions
from themis.adapters.conversation import Conversation


def test_a_body_holds_one_text() -> None:
    asked = Conversation("Continue.", [{"role": "user", "content": "Once"}])
    body = completions.body(asked, {"max_tokens": 5}, is_openai=True)
    assert body == {"prompt": "Continue.\n\nOnce", "max_tokens": 5}


def test_an_answer_is_read() -> None:
    document = {
        "model": "m",
        "choices": [{"text": " upon", "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    found = completions.read(document)
    assert (found.text, found.finish_reason, found.served_model) == (" upon", "length", "m")
    assert found.usage == {"prompt_tokens": 1, "completion_tokens": 2}


@pytest.mark.parametrize(
    "document", [{}, {"choices": []}, {"choices": [{"text": None}]}, {"choices": [{"message": {}}]}]
)
def test_a_reply_without_a_text_is_no_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReplyError, match=r"no choices|no text"):
        completions.read(document)


def test_a_stream_makes_up_the_same_reply() -> None:
    parts = [{"text": " up", "finish_reason": None}, {"text": "on", "finish_reason": None}, {"finish_reason": "stop"}]
    reply = completions.join_stream([{"model": "m", "choices": [part]} for part in parts])
    assert (completions.read(reply).text, completions.read(reply).finish_reason) == (" upon", "stop")


def test_a_stream_that_stops_before_its_end_is_no_answer() -> None:
    with pytest.raises(UnreadableReplyError, match="ended before"):
        completions.join_stream([{"choices": [{"text": " up"}]}])
