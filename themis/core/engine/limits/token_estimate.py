"""Estimate of the tokens that a call will use, before it is sent."""

import json
from typing import Any

from themis.core.base import JSONValue

CHARACTERS_PER_TOKEN = 4
FIRST_OUTPUT_TOKENS = 256

_MEMORY = 200  # answers that the means remember
_PRIOR = 3  # answers that the first assumptions count as: a single short answer says little


class TokenEstimate:
    """Learns from the usage of answers how many tokens an input becomes, and how long an output is."""

    __slots__ = ("_answers", "_input_tokens_per_character", "_output_tokens")

    def __init__(self) -> None:
        """Begin with four characters per token, and outputs of a usual length."""
        self._answers = 0
        self._input_tokens_per_character = 1 / CHARACTERS_PER_TOKEN
        self._output_tokens = float(FIRST_OUTPUT_TOKENS)

    def tokens(self, characters: int) -> int:
        """Tokens of a call whose input has so many characters, and of its answer; at least one."""
        return max(1, round(characters * self._input_tokens_per_character + self._output_tokens))

    def learn(self, characters: int, usage: dict[str, int]) -> None:
        """Note the usage of an answer; one without both counts teaches nothing."""
        prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        if prompt is None or completion is None:
            return
        self._answers = min(self._answers + 1, _MEMORY)
        weight = 1 / (self._answers + _PRIOR)
        per_character = prompt / max(1, characters)
        self._input_tokens_per_character += weight * (per_character - self._input_tokens_per_character)
        self._output_tokens += weight * (completion - self._output_tokens)


def characters_of(value: JSONValue) -> int:
    """The length of a case's input as text."""
    return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False))


def tokens_used(usage: Any) -> int | None:
    """The tokens of an answer, input and output; None when its usage does not say."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return _count(usage, "total_tokens")
    return (prompt or 0) + (completion or 0)


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
