"""One text for one value: canonical JSON and the hashes made from it."""

import hashlib
import json
from typing import Any

# ASCII output: any text, even one with a lone surrogate, has canonical bytes. NaN has none and is refused.
_encode = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode


def canonical_json(value: Any) -> str:
    """Text of a JSON value that is the same on every machine: keys sorted, no spaces, ASCII only.

    Raises:
        ValueError: the value holds NaN or an infinity, or is nested too deeply.
        TypeError: the value is not JSON.
    """
    try:
        return _encode(value)
    except RecursionError:
        msg = "the value is nested too deeply"
        raise ValueError(msg) from None


def content_hash(value: Any) -> str:
    """SHA-256, as 64 hex digits, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def bytes_hash(data: bytes) -> str:
    """SHA-256, as 64 hex digits, of `data` itself."""
    return hashlib.sha256(data).hexdigest()
