"""Strict JSON, which means the same everywhere: no NaN, no repeated keys, no lone surrogates.

Pydantic's JSON reader is several times faster than Python's and refuses wrong encodings and lone surrogates, but lets
NaN, numbers beyond the range of a float, and repeated keys pass. So the value read is compared with the text: both
must have the same number of keys, and each float must be finite. In case of doubt the text is read again, slowly.
"""

import json
from typing import Any, NoReturn

from themis.core.base import JSONValue

_LONGEST_SHOWN_KEY = 80
_MAX_DIGITS = 4300  # Python refuses to read more digits, because the time grows with their square
_TAB, _RETURN = b"\t\r"


def looks_strict(text: bytes, keys_read: float) -> bool:
    """Whether `text`, read as a value with `keys_read` keys (see `count_keys`), certainly has each key once and no NaN.

    In JSON without space before its colons `":` follows each key; elsewhere it occurs only within a text, where it
    makes the count too high and so costs a second reading, never a wrong answer.
    """
    # `find` because `b"…" in text` takes four times as long. A tab or a carriage return never occurs within a text.
    return (
        text.count(b'":') == keys_read
        and text.find(b" :") < 0
        and (_TAB not in text or text.find(b"\t:") < 0)
        and (_RETURN not in text or text.find(b"\r:") < 0)
    )


def count_keys(value: JSONValue) -> float:
    """Count the keys of all objects in `value`; NaN, equal to no number, when a float in it is not finite."""
    kind = type(value)
    if kind is dict:
        count: float = len(value)  # type: ignore[arg-type]  # the exact type is known
        for item in value.values():  # type: ignore[union-attr]
            if type(item) is not str:
                count += count_keys(item)
        return count
    if kind is list:
        return sum(map(count_keys, value))  # type: ignore[arg-type]
    return value - value if kind is float else 0  # type: ignore[operator]


def parse_strictly(text: bytes) -> JSONValue:
    """Return the JSON value of `text`.

    Raises:
        ValueError: it is not strict JSON; the message says why.
    """
    try:
        value: JSONValue = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 text (byte {error.start + 1})")
    except UnicodeEncodeError:
        _refuse("holds a lone surrogate, which is half of a character")
    except json.JSONDecodeError as error:
        _refuse(f"is not JSON: {error.msg} (column {error.colno})")
    except RecursionError:
        _refuse("is nested too deeply")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        _refuse(f"key {twice[:_LONGEST_SHOWN_KEY]!r} appears twice")
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        _refuse("holds a number beyond the range of a 64-bit float")
    return number


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        _refuse(f"holds a number of {len(digits)} digits")
    return int(digits)


def _refuse_number(name: str) -> NoReturn:
    _refuse(f"holds {name}, which is not a JSON number")


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)
