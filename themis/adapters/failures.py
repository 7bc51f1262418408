"""Failures of a provider, told apart by what follows from them: a pure function of its reply."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.adapters.rate_limit_headers import rate_limit, retry_after_s
from themis.core.engine.retry_policy import PASSING_STATUSES, THROTTLED_STATUSES
from themis.core.errors import (
    BadResponseError,
    InvalidRequestError,
    ProviderError,
    ProviderKeyError,
    ProviderNotFoundError,
    ProviderQuotaError,
    ProviderReply,
    ProviderThrottledError,
    ProviderUnavailableError,
    RefusedCaseError,
    RefusedParameterError,
)
from themis.core.text.masking import mask

_MOST_CHARACTERS = 500

_CREDIT_TOO_LOW = "credit_balance_too_low"
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", _CREDIT_TOO_LOW})
_NO_CREDIT_WORDS = re.compile(r"(?i)credit balance is too low")
"""Anthropic says it as a bad request, in words alone."""
_OVERLOADED = frozenset({"overloaded_error", "overloaded", "server_overloaded", "engine_overloaded", "slow_down"})
_OF_A_CASE = frozenset(
    {"context_length_exceeded", "invalid_prompt", "string_above_max_length", "content_policy_violation"}
)
_KNOWN_CODES = _NO_CREDIT | _OVERLOADED | _OF_A_CASE

_ABOUT_THE_INPUT = frozenset({"messages", "input", "prompt", "system"})
_INPUT_WORDS = re.compile(
    r"(?i)context (?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|image|file_id|content management policy|content policy|invalid prompt"
)
_PARAMETER_WORDS = re.compile(
    r"(?i)unsupported|unknown|unrecognized|unexpected|not supported|not permitted|does not support"
    r"|extra (?:inputs|fields)|deprecated"
)
_QUOTED = re.compile(r"[`'\"]([A-Za-z_][\w.]*)[`'\"]")
_LEADING = re.compile(r"([A-Za-z_][\w.\[\]]*):")
_TITLE = re.compile(r"(?is)<title>(.{0,200}?)</title>")

_STATUS_OF = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Status that stands for a word, in an error object whose own status says that all is well."""

_BAD_REQUEST = frozenset({400, 413, 422})
_LATER = PASSING_STATUSES | {425}
_ERRORS = range(400, 600)
_STATUS_DIGITS = 3

KEY_PREFIX = "generation.generator.with."


@dataclass(frozen=True, slots=True)
class Asked:
    """Facts of a request that decide who is to blame for its failure.

    Attributes:
        provider: the provider, for messages.
        parameters: names in the request, each with the name of the argument that it comes from.
    """

    provider: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def failure_of_status(status: int, document: Any, headers: Mapping[str, str], asked: Asked) -> ProviderError:
    """Return the failure that a reply with an error stands for.

    Args:
        status: of HTTP, or what a gateway says it was.
        document: the reply: JSON, a text, or None.
        headers: of the reply.
        asked: the request.
    """
    said = _Said.of(document)
    reply = ProviderReply(
        status_code=status,
        retry_after_s=retry_after_s(headers),
        request_id=request_id(headers),
        rate_limit=rate_limit(headers),
    )
    detail = f"{said.message} (status {status})"
    if status in _BAD_REQUEST and said.code not in _NO_CREDIT:
        return _bad_request(said, detail, reply, asked)
    failure = _kind(status, said)(provider=asked.provider, detail=detail, reply=reply)
    should_retry = headers.get("x-should-retry")
    if should_retry in {"true", "false"} and not failure.throttled:
        failure.retryable = should_retry == "true"
    return failure


def bad_response(detail: str, status: int | None, headers: Mapping[str, str], asked: Asked) -> BadResponseError:
    """Return the failure of a reply that says it succeeded, and holds no answer."""
    reply = ProviderReply(
        status_code=status,
        request_id=request_id(headers),
        rate_limit=rate_limit(headers),
    )
    return BadResponseError(provider=asked.provider, detail=detail, reply=reply)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's name for a request, from the headers of its reply."""
    return headers.get("x-request-id") or headers.get("request-id")


def is_error(status: object) -> bool:
    """Whether a status of HTTP says that a request failed."""
    return isinstance(status, int) and status in _ERRORS


def status_within(document: Any) -> int | None:
    """Return the status that an error object stands for, by its code or its type; None when these say nothing known."""
    error = document.get("error", document) if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return None
    for word in (error.get("code"), error.get("status"), error.get("type")):
        number = int(word) if isinstance(word, str) and word.isdecimal() and len(word) <= _STATUS_DIGITS else word
        if isinstance(number, int) and is_error(number):
            return number
        if isinstance(word, str) and word in _STATUS_OF:
            return _STATUS_OF[word]
    return None


def in_words(content: bytes, error: Exception) -> str:
    """Return what a body is that is not JSON."""
    text = content.decode("utf-8", "replace").strip()
    if not text:
        return "an empty reply"
    if text.startswith("<"):
        return shown(text)
    return f"not JSON ({error}): {shown(text)}"


def shown(document: Any) -> str:
    """Return a reply as a short text for messages, with secrets masked."""
    return _Said.of(document).message


@dataclass(frozen=True, slots=True)
class _Said:
    """Words of a reply with an error."""

    message: str
    code: str = ""
    param: str = ""

    @classmethod
    def of(cls, document: Any) -> "_Said":
        document = _parsed(document)
        error = document.get("error", document) if isinstance(document, dict) else document
        if isinstance(error, dict):
            message = error.get("message") or error.get("detail") or error
            codes = [str(code) for code in (error.get("code"), error.get("type")) if code]
            code = next((code for code in codes if code in _KNOWN_CODES), codes[0] if codes else "")
            if _NO_CREDIT_WORDS.search(str(message)):
                code = _CREDIT_TOO_LOW
            return cls(shortened(str(message)), code, str(error.get("param") or ""))
        text = error if isinstance(error, str) else "an empty reply"
        title = _TITLE.search(text)
        if "<html" in text.lower() or "<!doctype" in text.lower():
            text = f"a web page{f' titled {_one_line(title[1])!r}' if title else ''} instead of JSON"
        return cls(shortened(text) or "an empty reply")


def json_within(text: str) -> Any | None:
    """Return the JSON object in a text, such as the words of a library around a reply; None without one."""
    first, last = text.find("{"), text.rfind("}")
    if not 0 <= first < last:
        return None
    found = _parsed(text[first : last + 1])
    return found if isinstance(found, dict) else None


def _parsed(document: Any) -> Any:
    """Return an object that was sent as a text, or with the type of one."""
    if isinstance(document, str) and document.lstrip().startswith("{"):
        try:
            return json.loads(document)
        except (ValueError, RecursionError):
            return document
    return document


def _kind(status: int, said: _Said) -> type[ProviderError]:
    kind: type[ProviderError]
    if said.code in _NO_CREDIT or status == 402:  # noqa: PLR2004  # Payment Required
        kind = ProviderQuotaError
    elif status in {401, 403}:
        kind = ProviderKeyError
    elif status == 404:  # noqa: PLR2004  # Not Found
        kind = ProviderNotFoundError
    elif status in THROTTLED_STATUSES or said.code in _OVERLOADED:
        kind = ProviderThrottledError
    elif status in _LATER:
        kind = ProviderUnavailableError
    else:
        kind = InvalidRequestError
    return kind


def _bad_request(said: _Said, detail: str, reply: ProviderReply, asked: Asked) -> ProviderError:
    if said.code in _OF_A_CASE or _root(said.param) in _ABOUT_THE_INPUT:
        return RefusedCaseError(provider=asked.provider, detail=detail, reply=reply)
    name = _refused_parameter(said, asked.parameters)
    if name is not None:
        key = f"{KEY_PREFIX}{'' if name in _TOP_LEVEL else 'params.'}{name}"
        return RefusedParameterError(provider=asked.provider, key=key, name=name, detail=detail, reply=reply)
    leading = _LEADING.match(said.message)
    if _INPUT_WORDS.search(said.message) or (leading is not None and _root(leading[1]) in _ABOUT_THE_INPUT):
        return RefusedCaseError(provider=asked.provider, detail=detail, reply=reply)
    return InvalidRequestError(provider=asked.provider, detail=detail, reply=reply)


_TOP_LEVEL = frozenset({"extra_body", "extra_headers", "instructions"})


def _refused_parameter(said: _Said, parameters: Mapping[str, str]) -> str | None:
    """Return the argument that a refusal is about; None when it is about none of them."""
    root = _root(said.param)
    if root in parameters:
        return parameters[root]
    leading = _LEADING.match(said.message)
    if leading is not None and _root(leading[1]) in parameters:
        return parameters[_root(leading[1])]
    if not _PARAMETER_WORDS.search(said.message) and "unsupported" not in said.code and "unknown" not in said.code:
        return None
    named = (_root(found) for found in _QUOTED.findall(said.message))
    return next((parameters[name] for name in named if name in parameters), None)


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and all that caused it, the last first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


def shortened(text: str) -> str:
    """Return a text for a message: a line that is not long, with secrets masked."""
    text = mask(_one_line(text))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …"
