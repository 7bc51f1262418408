"""Log-probabilities of tokens: which of them make up a continuation, and what it comes to."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from themis.adapters.answer import UnreadableReplyError
from themis.core.models import ContinuationScore

_MOST_MARKS = 4
"""Most tokens before a text that are not of it, such as the mark of its beginning."""

_ROUNDING = 1e-6
_BYTES = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token:
    """Token of a text.

    Attributes:
        piece: its bytes.
        log_probability: given all tokens before it; None for the first of a text.
        highest: the highest log-probability that any token has at its place; None when that is not known.
    """

    piece: bytes
    log_probability: float | None
    highest: float | None = None

    @property
    def text(self) -> str:
        """The token for people; a part of a character has no text of its own."""
        return self.piece.decode("utf-8", "backslashreplace")


def score_of(text: str, tokens: Sequence[Token]) -> ContinuationScore:
    """Return the log-likelihood of a continuation from its tokens.

    Only the first token of a whole text may have no probability: it is left out, with its part of the text.

    Raises:
        UnreadableReplyError: another has none.
    """
    scored = tokens[1:] if tokens and tokens[0].log_probability is None else tokens
    values = [token.log_probability for token in scored if token.log_probability is not None]
    if not values or len(values) != len(scored):
        msg = "a token of the continuation has no log-probability"
        raise UnreadableReplyError(msg)
    whole = text.encode()
    part = whole[max(len(whole) - sum(len(token.piece) for token in scored), 0) :]
    return ContinuationScore(
        text=text,
        log_likelihood=math.fsum(values),
        tokens=len(values),
        characters=len(part.decode("utf-8", "ignore")),
        utf8_bytes=len(part),
        is_greedy=_is_greedy(scored),
    )


def continuation_tokens(tokens: Sequence[Token], context: bytes, continuation: bytes) -> list[Token] | None:
    """Return the tokens that have any byte of the continuation; None if the tokens do not spell the two texts.

    A token across the boundary is one of them: it is the only one whose probability holds the continuation's beginning.
    Marks before the texts and tokens after them are left out.
    """
    spelled = b"".join(token.piece for token in tokens)
    whole = context + continuation
    starts = [0, *accumulate(len(token.piece) for token in tokens[:_MOST_MARKS])]
    # Some tokenizers put a blank before a text.
    found_at = (at + blank for at in starts for blank in (0, spelled.startswith(b" ", at)))
    first = next((at for at in found_at if spelled.startswith(whole, at)), None)
    if first is None:
        return None
    found, at = [], 0
    for token in tokens:
        end = at + len(token.piece)
        if end > first + len(context) and at < first + len(whole):
            found.append(token)
        at = end
    return found


def piece_of(token: Any) -> bytes:
    r"""Return the bytes of a token as a reply writes it: a text, or `bytes:\xe2\x80` for a part of a character.

    Raises:
        UnreadableReplyError: it is not a text.
    """
    if not isinstance(token, str):
        msg = "its tokens are not texts"
        raise UnreadableReplyError(msg)
    escaped = _BYTES.fullmatch(token)
    if escaped is not None:
        return bytes.fromhex(escaped[1].lower().replace("\\x", ""))
    return token.encode("utf-8", "surrogatepass")


def log_probability(value: Any) -> float | None:
    """Return a log-probability of a reply; None for null.

    Raises:
        UnreadableReplyError: it is not a number, or above 0.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value <= _ROUNDING:
        msg = f"a log-probability must be a number of at most 0, not {value!r}"
        raise UnreadableReplyError(msg)
    return min(float(value), 0.0)


def _is_greedy(tokens: Sequence[Token]) -> bool | None:
    if any(token.highest is None or token.log_probability is None for token in tokens):
        return None
    return all((token.log_probability or 0.0) >= (token.highest or 0.0) for token in tokens)
