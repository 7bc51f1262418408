"""Ballots: texts that are equal for answers that are the same."""

from typing import Any

from themis.core.text.canonical import canonical_json

_EXACT_BELOW = 2.0**53  # from here on floats are further apart than 1


def ballot_of(value: Any) -> str:
    """Return the ballot of a JSON value: its canonical JSON, in which numbers are equal when their values are."""
    text = canonical_json(value)
    # Outside of texts only a float is written with a point or an exponent.
    return canonical_json(_whole(value)) if "." in text or "e" in text else text


def _whole(value: Any) -> Any:
    """Return `value` with integers for the floats that are whole."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT_BELOW else value
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value
