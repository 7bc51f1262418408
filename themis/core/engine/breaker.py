"""Breaker: stops a run whose generator fails in the same way for every call, before it has asked for all cases."""

from themis.core.engine.retry_policy import message_of, retry_after_s, said_by, status_of
from themis.core.errors import ProviderOutageError, RunStoppedError

_REFUSALS = frozenset({401, 402, 403, 404})


class Breaker:
    """Counts the failures of a generator that will repeat."""

    def __init__(self, failures: int) -> None:
        """Open after that many in a row."""
        self._most = failures
        self._in_a_row = 0

    def note_success(self) -> None:
        """Start the count over."""
        self._in_a_row = 0

    def note_failure(self, error: BaseException) -> None:
        """Count a call that has failed for good.

        Raises:
            RunStoppedError: the error says that no call of this run can succeed.
            ProviderOutageError: there were too many failures in a row that will repeat.
        """
        if said_by(error, "stops_run") is True:
            raise RunStoppedError(detail=message_of(error), key=said_by(error, "config_key")) from error
        if not breaks(error):
            return
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            raise ProviderOutageError(
                failures=self._in_a_row, detail=message_of(error), retry_after_s=retry_after_s(error) or None
            ) from error


def breaks(error: BaseException) -> bool:
    """Whether a failure will repeat with every call: the error says so, or its status is a refusal of all requests."""
    said = said_by(error, "breaks")
    return said if isinstance(said, bool) else status_of(error) in _REFUSALS
