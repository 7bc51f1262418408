"""Retry policy: which failures are transient, and the delay before the next try; pure functions of the failure."""

import random
import sys
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from themis.core.configuration.secrets import redact_urls
from themis.core.text.masking import mask
from themis.core.text.pydantic_errors import in_a_line

_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)
_LONGEST_DELAY_S = 60.0
_LONGEST_ASKED_FOR_S = 86_400.0  # beyond a day it is a mistake, such as a time of day or milliseconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rule for trying a call again.

    Attributes:
        attempts: total number of tries.
        delay_s: seconds before the second try.
        backoff: factor from one delay to the next.
    """

    attempts: int
    delay_s: float
    backoff: float

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
        base = min(self.delay_s * factor, _LONGEST_DELAY_S)
        jittered = base * (1 + random.random())  # noqa: S311  # spreads load, guards nothing
        return max(jittered, retry_after_s(error))


def is_passing(error: BaseException) -> bool:
    """Whether the failure is transient: timeouts, I/O, 429, 5xx, or an error whose `retryable` says so."""
    said = _said(error, "retryable")
    if isinstance(said, bool):
        return said
    status = _said(error, "status_code")
    if isinstance(status, int):
        return status == _TOO_MANY_REQUESTS or status in _SERVER_ERRORS
    return isinstance(error, TimeoutError | OSError)


def retry_after_s(error: BaseException) -> float:
    """Seconds that the server asked the client to wait; 0 when it did not, or asked for more than a day."""
    value = _said(error, "retry_after_s")
    return float(value) if isinstance(value, int | float) and 0 < value <= _LONGEST_ASKED_FOR_S else 0.0


def message_of(error: BaseException) -> str:
    """The message of an error, else its class: text that UTF-8 can encode, without passwords in URLs or secrets."""
    try:
        text = in_a_line(error) if isinstance(error, ValidationError) else str(error)
    except Exception:  # noqa: BLE001  # the error's own `__str__` may fail
        text = ""
    return mask(str(redact_urls((text or type(error).__name__).encode("utf-8", "backslashreplace").decode())))


def attempt_record(error: BaseException, attempt: int, delay_s: float) -> dict[str, Any]:
    """A failed try, as the history of its outcome stores it."""
    return {
        "attempt": attempt,
        "error_type": type(error).__name__,
        "message": message_of(error),
        "delay_s": round(delay_s, 3),
    }


def _said(error: BaseException, name: str) -> Any:
    """An optional attribute of an error; None if it cannot be read."""
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001  # a property may raise anything
        return None
