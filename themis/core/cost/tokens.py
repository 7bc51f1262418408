"""Tokens by kind, each counted once, however a provider nests its counts."""

from operator import add
from typing import Any, NamedTuple

_MOST = 2**53


class Tokens(NamedTuple):
    """Tokens of one call or of many.

    Attributes:
        input: those that were neither read from a cache nor written into one.
        cached_input: read from the provider's cache.
        cache_write: written into it, for its usual time.
        cache_write_1h: written into it for an hour.
        output: of the answer, without those of `reasoning`.
        reasoning: of what the model thought before its answer, where the provider counts them apart.
    """

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def of_input(self) -> int:
        """All that went in."""
        return self.input + self.cached_input + self.cache_write + self.cache_write_1h

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)

    def plus(self, other: "Tokens") -> "Tokens":
        """Return the sum of both, kind by kind."""
        return Tokens._make(map(add, self, other))


KINDS: tuple[str, ...] = Tokens._fields
"""Names of the kinds, in order."""


class MostTokens(NamedTuple):
    """Upper bounds of a call's tokens, known before it is sent.

    Attributes:
        input: None where the input refers to something of unknown size, such as an image by its address.
        output: for all answers of the call together; None where nothing in the request bounds it.
        tier: the service tier that it asks for; empty for the usual one.
    """

    input: int | None
    output: int | None
    tier: str = ""


def tokens_of(usage: Any) -> Tokens | None:
    """Return the tokens in a `token_usage`; None when it counts none.

    There, `prompt_tokens` holds cached and written ones, and `completion_tokens` those of reasoning.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return None
    inside, answered = prompt or 0, completion or 0
    cached = min(_count(usage, "cached_tokens") or 0, inside)
    written = min(_count(usage, "cache_write_tokens") or 0, inside - cached)
    hour = min(_count(usage, "cache_write_1h_tokens") or 0, written)
    reasoning = min(_count(usage, "reasoning_tokens") or 0, answered)
    return Tokens(inside - cached - written, cached, written - hour, hour, answered - reasoning, reasoning)


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else None
