"""Replies of a provider, as JSON and headers, whatever client brought them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from themis.adapters.rate_limit_headers import rate_limit

_MOST_REPLY_BYTES = 64 * 1024 * 1024
_MOST_HEADER_CHARACTERS = 512
_PRIVATE = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization", "x-api-key", "api-key"})
_PRIVATE_PARTS = ("organization", "project", "cookie", "token", "secret", "auth")
_COUNTS = ("ratelimit", "retry-after")


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of a provider.

    Attributes:
        document: its JSON.
        headers: its headers, by lower-case names.
        first_token_ms: milliseconds until a streamed answer began; None for one that was not streamed.
    """

    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    first_token_ms: float | None = None

    def artifacts(self) -> dict[str, Any]:
        """The facts that are kept of it; no cookie, and nothing that names the account."""
        found: dict[str, Any] = {
            "provider_request_id": self.headers.get("x-request-id") or self.headers.get("request-id"),
            "raw_response": self.document,
            "response_headers": kept_headers(self.headers),
            "rate_limit": rate_limit(self.headers),
        }
        if self.first_token_ms is not None:
            found["first_token_ms"] = self.first_token_ms
        return found


def document_of(content: bytes) -> Any:
    """Return the JSON of a body.

    Raises:
        ValueError: it is not JSON, or larger than any answer.
    """
    if len(content) > _MOST_REPLY_BYTES:
        msg = f"it is larger than {_MOST_REPLY_BYTES // 2**20} MiB"
        raise ValueError(msg)
    return from_json(content, allow_inf_nan=False, cache_strings="keys")


def headers_of(headers: Any) -> dict[str, str]:
    """Return headers by lower-case names; {} for what are none."""
    try:
        items = list(headers.items())
    except (AttributeError, TypeError):
        return {}
    return {str(name).lower(): str(text) for name, text in items}


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a reply that may be stored."""
    return {name: text[:_MOST_HEADER_CHARACTERS] for name, text in headers.items() if not _is_private(name)}


def plain(value: Any) -> Any:
    """Return an object of a client library as JSON: a model by its dump, any other object by its attributes."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    for method in ("model_dump", "to_dict", "dict"):
        dump = getattr(value, method, None)
        if callable(dump):
            dumped = dump(mode="json", warnings=False) if method == "model_dump" else dump()
            return plain(dumped)
    return {name: plain(item) for name, item in getattr(value, "__dict__", {}).items() if not name.startswith("_")}


def _is_private(name: str) -> bool:
    if name in _PRIVATE:
        return True
    return any(part in name for part in _PRIVATE_PARTS) and not any(part in name for part in _COUNTS)
