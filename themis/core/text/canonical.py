"""Values as compact JSON, in their own key order or canonical (one text for one value), and hashes made from it."""

import hashlib
import json
import json.encoder
from typing import Any


def _make_encode(*, sort_keys: bool) -> Any:
    """Return a function from a JSON value to its text without spaces.

    The output is ASCII, so that any text, even one with a lone surrogate, can be encoded. NaN is refused.
    """
    plain = json.JSONEncoder(
        ensure_ascii=True, allow_nan=False, check_circular=False, sort_keys=sort_keys, separators=(",", ":")
    )
    make_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
    if make_encoder is None:
        return plain.encode
    # `plain.encode` would create this at each call, which takes as long as its work on a small value.
    skip_keys, allow_nan = False, False
    escape = json.encoder.encode_basestring_ascii
    chunks = make_encoder(None, plain.default, escape, None, ":", ",", sort_keys, skip_keys, allow_nan)
    return lambda value: "".join(chunks(value, 0))


_encode_as_it_is = _make_encode(sort_keys=False)
_encode_sorted = _make_encode(sort_keys=True)


def compact_json(value: Any) -> str:
    """Return the text of a JSON value, with its keys in their own order: no spaces, ASCII only.

    Raises:
        ValueError: the value holds NaN or an infinity, or is nested too deeply.
        TypeError: the value is not JSON.
    """
    return _text(_encode_as_it_is, value)


def canonical_json(value: Any) -> str:
    """Return the text of a JSON value that is the same on every machine: keys sorted, no spaces, ASCII only.

    Raises:
        ValueError: the value holds NaN or an infinity, or is nested too deeply.
        TypeError: the value is not JSON.
    """
    return _text(_encode_sorted, value)


def content_hash(value: Any) -> str:
    """Return the SHA-256, as 64 hex digits, of the canonical JSON of `value`."""
    return bytes_hash(canonical_json(value).encode("ascii"))


def bytes_hash(data: bytes) -> str:
    """Return the SHA-256, as 64 hex digits, of `data` itself."""
    return hashlib.sha256(data).hexdigest()


def _text(encode: Any, value: Any) -> str:
    try:
        text: str = encode(value)
    except RecursionError:
        msg = "the value is nested too deeply"
        raise ValueError(msg) from None
    return text
