"""Untrusted JSON: limited nesting before it is parsed, and no numbers that JSON does not have."""

import json
import math
import re
from typing import Any

# A string to its end, even one that does not end, or one bracket: linear in the size of the text.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _no_constant(text: str) -> Any:
    msg = f"{text[:40]} is not a JSON number"
    raise ValueError(msg)


def _finite(text: str) -> float:
    value = float(text)
    return _no_constant(text) if math.isinf(value) else value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def parse(data: bytes) -> Any:
    """Parse a JSON text in UTF-8.

    Raises:
        ValueError: it is not JSON, or contains an invalid number or one too large for a float.
    """
    return _DECODER.decode(data.decode())


def depth(data: bytes, most: int) -> int:
    """Return how deep brackets are nested in a text; exact where it may be more than `most`, else possibly 0."""
    if data.count(b"[") + data.count(b"{") <= most:
        return 0  # with so few brackets it cannot be too deep
    depth = deepest = 0
    for token in _TOKENS.findall(data):
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest
