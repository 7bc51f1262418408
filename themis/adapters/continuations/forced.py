"""Continuations by force, for servers of llama.cpp, which have no echo: the model must generate the continuation.

A grammar allows nothing but its text. Among the tokens that could spell that text, a bias prefers those by which the
model's tokenizer does; without it the model spells an unlikely text by shorter tokens, and the sum is that of another
path. The log-probabilities in the reply are those before grammar and bias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.continuations.log_probabilities import Token, continuation_tokens, log_probability

TOKENIZE = "/tokenize"
"""Path of the tokenizer, beside the API."""

_BIAS, _BIAS_PER_BYTE = 100.0, 10.0
"""Bias of a token: a longer one wins over one that it begins with."""


@dataclass(frozen=True, slots=True)
class Split:
    """Text in tokens.

    Attributes:
        before: ids of the tokens before the continuation.
        forced: ids of those of the continuation.
        pieces: their bytes.
    """

    before: list[int]
    forced: list[int]
    pieces: list[bytes]


def tokenizing(text: str) -> dict[str, Any]:
    """Return the body of a request for the tokens of a text."""
    return {"content": text, "add_special": True, "with_pieces": True}


def split(reply: Any, context: str, continuation: str) -> Split:
    """Return the tokens of context and continuation in the reply of a tokenizer.

    Raises:
        UnreadableReplyError: the reply has not the form of one, or its tokens do not spell the texts.
    """
    found = reply.get("tokens") if isinstance(reply, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) and type(one.get("id")) is int for one in found):
        msg = "its tokenizer gives no tokens"
        raise UnreadableReplyError(msg)
    tokens = [Token(_piece(one.get("piece")), None) for one in found]
    ours = continuation_tokens(tokens, context.encode(), continuation.encode())
    if not ours:
        msg = "its tokens do not spell the text, so that nobody knows where the continuation begins"
        raise UnreadableReplyError(msg)
    first = next(number for number, token in enumerate(tokens) if token is ours[0])
    ids = [one["id"] for one in found]
    first = max(first, 1)  # the first token of all has no probability
    return Split(ids[:first], ids[first : first + len(ours)], [token.piece for token in tokens[first:]][: len(ours)])


def asked(tokens: Split) -> dict[str, Any]:
    """Return the parameters of a request that forces these tokens.

    Raises:
        UnreadableReplyError: they begin in the middle of a character, which no grammar can say.
    """
    pairs = zip(tokens.forced, tokens.pieces, strict=True)
    return {
        "prompt": tokens.before,
        "grammar": grammar(b"".join(tokens.pieces)),
        "logit_bias": {str(token): _BIAS + _BIAS_PER_BYTE * len(piece) for token, piece in pairs},
        "logprobs": 1,
        "max_tokens": len(tokens.forced),
        "temperature": 0,
    }


def grammar(text: bytes) -> str:
    """Return a grammar in GBNF that allows this text alone.

    Raises:
        UnreadableReplyError: it is not UTF-8.
    """
    try:
        characters = text.decode()
    except UnicodeDecodeError:
        msg = "a token goes from the context into the middle of a character of the continuation"
        raise UnreadableReplyError(msg) from None
    return f'root ::= "{"".join(map(_escaped, characters))}"'


def read(reply: Mapping[str, Any], tokens: Split) -> list[Token]:
    """Return the tokens of a continuation with their log-probabilities.

    Raises:
        UnreadableReplyError: the reply has not the form of one, or other tokens were generated.
    """
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    said = choice.get("logprobs") if isinstance(choice, dict) else None
    content = said.get("content") if isinstance(said, dict) else None
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        msg = "it has no log-probabilities"
        raise UnreadableReplyError(msg)
    given = content[: len(tokens.forced)]
    if [one.get("id") for one in given] != tokens.forced:
        msg = "the model was not forced to the tokens of the continuation"
        raise UnreadableReplyError(msg)
    return [
        Token(piece, log_probability(one.get("logprob")), _highest(one.get("top_logprobs")))
        for one, piece in zip(given, tokens.pieces, strict=True)
    ]


def _piece(piece: Any) -> bytes:
    """Return the bytes of a token: a text, or a list of bytes for a part of a character."""
    if isinstance(piece, str):
        return piece.encode("utf-8", "surrogatepass")
    if isinstance(piece, list) and all(type(byte) is int and byte in range(256) for byte in piece):
        return bytes(piece)
    msg = "its tokenizer does not say the texts of its tokens"
    raise UnreadableReplyError(msg)


def _highest(top: Any) -> float | None:
    entries: Sequence[Any] = top if isinstance(top, list) else []
    values = [log_probability(one.get("logprob")) for one in entries if isinstance(one, dict)]
    return max((value for value in values if value is not None), default=None)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"
