"""Continuations by echo: a completion endpoint repeats the texts that it is sent, with the log-probabilities of tokens.

One token more is generated than anybody needs, as some servers refuse to generate none.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.continuations.log_probabilities import Token, continuation_tokens, log_probability, piece_of

ASKED: dict[str, Any] = {"echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
"""Parameters of a request."""

_BEGINNING = 8
"""Characters by which a repeated text is told from a generated one."""


class NoEchoError(UnreadableReplyError):
    """A reply of a server that does not repeat the text that it was sent, or not with its log-probabilities."""


def prompt(context: str, continuations: Sequence[str]) -> str | list[str]:
    """Return the prompt of a request: a text for each continuation."""
    texts = [context + continuation for continuation in continuations]
    return texts[0] if len(texts) == 1 else texts


def read(reply: dict[str, Any], context: str, continuations: Sequence[str]) -> list[list[Token]]:
    """Return the tokens of each continuation in a reply.

    Raises:
        NoEchoError: the server does not repeat the texts, or not with their log-probabilities.
        UnreadableReplyError: the reply has not the form of one.
    """
    choices = _in_order(reply.get("choices"), len(continuations))
    return [_of_choice(choice, context, text) for choice, text in zip(choices, continuations, strict=True)]


def _in_order(choices: Any, count: int) -> list[dict[str, Any]]:
    known = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    if len(known) != count:
        msg = f"it has {len(known)} choices for {count} texts"
        raise UnreadableReplyError(msg)
    by_index = {choice.get("index", number): choice for number, choice in enumerate(known)}
    if by_index.keys() != set(range(count)):
        msg = "its choices are not numbered like the texts"
        raise UnreadableReplyError(msg)
    return [by_index[number] for number in range(count)]


def _of_choice(choice: dict[str, Any], context: str, continuation: str) -> list[Token]:
    text, said = choice.get("text"), choice.get("logprobs")
    asked = context + continuation
    if not isinstance(text, str) or not text.startswith(asked[:_BEGINNING]):
        msg = "it does not repeat the text that it is sent, as the parameter echo asks for"
        raise NoEchoError(msg)
    if not text.startswith(asked):
        msg = "it repeats another text than it was sent"
        raise UnreadableReplyError(msg)
    if not isinstance(said, dict) or not isinstance(said.get("token_logprobs"), list):
        msg = "it repeats the text without the log-probabilities of its tokens"
        raise NoEchoError(msg)
    tokens = _tokens(said)
    found = continuation_tokens(tokens, context.encode(), continuation.encode())
    if found is None:
        found = _by_offsets(tokens, said.get("text_offset"), len(context), len(context) + len(continuation))
    if not found:
        msg = "its tokens do not spell the text, so that nobody knows where the continuation begins"
        raise UnreadableReplyError(msg)
    if found[0].log_probability is None and found[0] is not tokens[0]:
        msg = "the log-probability of the continuation's first token is missing"
        raise UnreadableReplyError(msg)
    return found


def _tokens(said: dict[str, Any]) -> list[Token]:
    texts, values, tops = said.get("tokens"), said["token_logprobs"], said.get("top_logprobs")
    if not isinstance(texts, list) or len(texts) != len(values):
        msg = f"it has {len(values)} log-probabilities, and not as many tokens"
        raise UnreadableReplyError(msg)
    highest = [_highest(top) for top in tops] if isinstance(tops, list) else []
    highest += [None] * (len(texts) - len(highest))
    return [
        Token(piece_of(text), log_probability(value), top)
        for text, value, top in zip(texts, values, highest, strict=False)
    ]


def _highest(top: Any) -> float | None:
    values = (
        [value for value in map(log_probability, top.values()) if value is not None] if isinstance(top, dict) else []
    )
    return max(values, default=None)


def _by_offsets(tokens: list[Token], offsets: Any, first: int, stop: int) -> list[Token] | None:
    """Return the tokens of the continuation by their positions in the text, in characters.

    Servers that write a part of a character in another way than its bytes count it wrongly, too. So the positions only
    count if the generated token, which follows the text, is where the text ends.
    """
    if not isinstance(offsets, list) or len(offsets) != len(tokens) or not all(type(at) is int for at in offsets):
        return None
    if offsets[:1] != [0] or offsets[-1] != stop or any(later < at for at, later in pairwise(offsets)):
        return None
    spans = pairwise(offsets)
    return [
        token for token, (at, end) in zip(tokens, spans, strict=False) if (at >= first or end > first) and at < stop
    ]
