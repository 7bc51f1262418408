"""Plain completions: a text that the model continues."""

from typing import Any

from themis.adapters.answer import Answer, UnreadableReplyError, text_at
from themis.adapters.apis import chat
from themis.adapters.conversation import Conversation

PATH = "/completions"
TAKES_SEED = True


def body(conversation: Conversation, params: dict[str, Any], *, is_openai: bool) -> dict[str, Any]:
    """Return the parameters of a request, without the model."""
    del is_openai
    return {"prompt": conversation.text, **params}


def read(reply: dict[str, Any]) -> Answer:
    """Return the answer in a reply.

    Raises:
        UnreadableReplyError: there is none in it.
    """
    choice = chat.first_choice(reply)
    text = choice.get("text")
    if not isinstance(text, str):
        msg = "its first choice has no text"
        raise UnreadableReplyError(msg)
    return Answer(
        text=text,
        finish_reason=chat.finish_reason(choice),
        usage=chat.usage(reply),
        served_model=text_at(reply, "model"),
        facts=chat.facts(reply),
    )


def join_stream(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that the chunks of a stream make up.

    Raises:
        UnreadableReplyError: the stream ended before the answer did.
    """
    reply: dict[str, Any] = {"choices": [{"index": 0, "text": ""}]}
    choice = reply["choices"][0]
    for chunk in chunks:
        reply |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for part in chunk.get("choices") or []:
            choice["text"] += part.get("text") or ""
            if part.get("finish_reason") is not None:
                choice["finish_reason"] = part["finish_reason"]
    if "finish_reason" not in choice:
        msg = "its stream ended before the answer did"
        raise UnreadableReplyError(msg)
    return reply


def usage(reply: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of a reply by kind."""
    return chat.usage(reply)
