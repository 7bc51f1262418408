"""JSON in a text: the whole of it, or a value within other text."""

import json
import math
import re
from typing import NoReturn

from themis.core.base import JSONValue
from themis.core.builtins.answers.fenced_block import last_fenced_block

_OPENING = re.compile(r"[{\[]")
_MOST_TRIED = 200
"""Brackets of a text at which a value may begin. Each costs time, and a text may consist of them."""


def whole_json(text: str) -> list[JSONValue]:
    """Return the JSON value that a text is, in a list; an empty list when it is not strict JSON."""
    try:
        return [_DECODER.decode(text.strip())]
    except (ValueError, RecursionError):
        return []


def json_in(value: JSONValue) -> list[JSONValue]:
    """Return the JSON in an output, in a list; an empty list when there is none.

    A value that is not a text is that JSON. Of a text it is the whole, else the last fenced block, else the last object
    or list in it.
    """
    if not isinstance(value, str):
        return [] if value is None else [value]
    if found := whole_json(value):
        return found
    block = last_fenced_block(value)
    if block is not None and (found := whole_json(block)):
        return found
    return _last_within(value)


def _last_within(text: str) -> list[JSONValue]:
    found: list[JSONValue] = []
    place = 0
    for _ in range(_MOST_TRIED):
        opening = _OPENING.search(text, place)
        if opening is None:
            break
        try:
            value, place = _DECODER.raw_decode(text, opening.start())
            found = [value]
        except (ValueError, RecursionError):
            place = opening.end()
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
