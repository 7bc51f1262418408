"""Retry policy: which failures are transient, and the delay before the next try; pure functions of the failure."""

import random
import sys
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from themis.core.base import JSONValue
from themis.core.configuration.secrets import redact_urls
from themis.core.text.masking import mask
from themis.core.text.pydantic_errors import in_a_line
from themis.core.values.bounds import MOST_DELAY_S

PASSING_STATUSES = frozenset({408, 409, 429, *range(500, 600)})
"""Statuses of HTTP after which the same request may succeed."""

THROTTLED_STATUSES = frozenset({429, 503, 529})
"""Those of them with which a provider asks for fewer requests."""

_OUT_OF_CREDIT = "insufficient_quota"  # OpenAI's word in a 429 that no waiting mends
_LONGEST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rule for trying a call again.

    Attributes:
        attempts: total number of tries.
        delay_s: seconds before the second try.
        backoff: factor from one delay to the next.
        longest_s: the longest delay, before it is jittered.
    """

    attempts: int
    delay_s: float
    backoff: float
    longest_s: float = _LONGEST_DELAY_S

    def delay_after(self, error: BaseException, attempt: int) -> float | None:
        """Seconds to wait after try number `attempt` (from 1) failed with `error`; None to give up.

        The delay is jittered (between one and two times the base), so that calls that failed together are not
        repeated together; a server's own `retry_after_s` is the minimum.
        """
        if attempt >= self.attempts or not is_passing(error):
            return None
        try:
            factor = self.backoff ** (attempt - 1)
        except OverflowError:
            factor = sys.float_info.max
        base = min(self.delay_s * factor, self.longest_s)
        jittered = base * (1 + random.random())  # noqa: S311  # spreads load, guards nothing
        return max(jittered, retry_after_s(error))


def is_passing(error: BaseException) -> bool:
    """Whether the failure is transient: timeouts, I/O, 408, 409, 429, 5xx, or an error whose `retryable` says so."""
    said = said_by(error, "retryable")
    if isinstance(said, bool):
        return said
    status = status_of(error)
    if status is not None:
        return status in PASSING_STATUSES and not _is_out_of_credit(error)
    return isinstance(error, TimeoutError | OSError)


def is_throttled(error: BaseException) -> bool:
    """Whether the provider asks for fewer requests: 429, 503, 529, or an error whose `throttled` says so."""
    said = said_by(error, "throttled")
    if not isinstance(said, bool):
        said = status_of(error) in THROTTLED_STATUSES
    return said and is_passing(error)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an error that has one."""
    status = said_by(error, "status_code")
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def reply_facts(error: BaseException) -> dict[str, JSONValue]:
    """Facts that are stored of the reply that an error is about: its status; {} for an error without one."""
    status = status_of(error)
    return {} if status is None else {"status_code": status}


def rate_limit_of(error: BaseException) -> dict[str, Any]:
    """The provider's quota, as the headers of a failed answer give it; {} without them."""
    found = said_by(error, "rate_limit")
    return found if isinstance(found, dict) else {}


def retry_after_s(error: BaseException) -> float:
    """Seconds that the server asked the client to wait; 0 when it did not, or asked for more than a day."""
    value = said_by(error, "retry_after_s")
    return float(value) if isinstance(value, int | float) and 0 < value <= MOST_DELAY_S else 0.0


def message_of(error: BaseException) -> str:
    """The message of an error, else its class: text that UTF-8 can encode, without passwords in URLs or secrets."""
    try:
        text = in_a_line(error) if isinstance(error, ValidationError) else str(error)
    except Exception:  # noqa: BLE001  # the error's own `__str__` may fail
        text = ""
    return mask(str(redact_urls((text or type(error).__name__).encode("utf-8", "backslashreplace").decode())))


def attempt_record(error: BaseException, attempt: int, delay_s: float) -> dict[str, Any]:
    """A failed try, as the history of its outcome stores it."""
    usage = said_by(error, "token_usage")
    return {
        "attempt": attempt,
        "error_type": type(error).__name__,
        "message": message_of(error),
        "delay_s": round(delay_s, 3),
        **({"token_usage": usage} if isinstance(usage, dict) and usage else {}),
    }


def note_throttled(history: list[dict[str, Any]], error: BaseException) -> None:
    """Count a throttled try in the history of an outcome: one entry for all of them, with the last one's message."""
    count = sum(entry.get("throttled", 0) for entry in history) + 1
    history[:] = [entry for entry in history if "throttled" not in entry]
    history.append({"throttled": count, "error_type": type(error).__name__, "message": message_of(error)})


def attempts_in(history: list[dict[str, Any]]) -> int:
    """The failed tries that count: a throttled one does not."""
    return sum("throttled" not in entry for entry in history)


def _is_out_of_credit(error: BaseException) -> bool:
    return _OUT_OF_CREDIT in (said_by(error, "code"), said_by(error, "type")) or _OUT_OF_CREDIT in message_of(error)


def said_by(error: BaseException, name: str) -> Any:
    """An optional attribute of an error; None if it cannot be read."""
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001  # a property may raise anything
        return None
