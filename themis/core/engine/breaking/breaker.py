"""Breaker: stops a run whose cases fail one after the other, before all of them were tried.

What counts is a row of failures without a success between them, in the order in which they end. Two rows are kept:
refusals of a model, which will repeat whatever the case is, and failures of one kind of any other cause. The second
one must be longer, as cases may fail for their own sake.
"""

from typing import Protocol

from themis.core.configuration.secrets import redact_urls
from themis.core.engine.breaking.rows import FailureRows, Reason, Row
from themis.core.engine.retry_policy import is_passing, message_of, retry_after_s, said_by, status_of
from themis.core.errors import MissingSecretError
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, WORKER_LOST, Stage
from themis.core.results import StageFailure
from themis.core.values.breaker import OF_ONE_KIND, REFUSALS, BreakerConfig

_REFUSALS = frozenset({401, 402, 403, 404})
_NO_ACCESS = frozenset({401, 403})
_OWN_REASON = "ScoreError"  # a metric says with it why a case has no score


class Limits(Protocol):
    """The settings of a run that say when it stops; see `RuntimeConfig`."""

    @property
    def breaker(self) -> BreakerConfig:
        """The lengths of the rows."""

    @property
    def max_concurrent_tasks(self) -> int:
        """The calls in flight, which may all fail before the first success has come back."""


def longest_row(runtime: Limits) -> int:
    """Return the number of failures of one kind in a row after which a run stops."""
    return runtime.breaker.failures or max(OF_ONE_KIND, runtime.max_concurrent_tasks)


class Breaker:
    """Counts the failed calls of one model."""

    def __init__(self, runtime: Limits, asked: str, rows: FailureRows, name: str | None = None) -> None:
        """Stop by the settings of `runtime`; messages call the model `asked`, and `rows` knows it by its `name`."""
        self._asked = asked
        self._rows = rows
        name = name or asked
        self._refusals = rows.row(f"{name} refused", runtime.breaker.failures or REFUSALS)
        self._row = rows.row(name, longest_row(runtime))

    def note_success(self) -> None:
        """Start the counts over."""
        self._refusals.end()
        self._row.end()

    def note_failure(self, error: BaseException, provider: str | None = None) -> None:
        """Count a call that has failed for good.

        Args:
            error: of the call.
            provider: of the model; one that cannot answer now may do so later, and is waited for.

        Raises:
            RunStoppedError: the error says that no call of this run can succeed.
            KeyRefusedError, ProviderOutageError: there were too many failures in a row that will repeat.
            RepeatedFailureError: there were too many of one kind.
        """
        if said_by(error, "stops_run") is True:
            stopped: Reason | None = Reason.of_run(message_of(error), said_by(error, "config_key"))
        elif breaks(error):
            stopped = self._refusals.note("refused", _refused(error))
        elif said_by(error, "of_case") is True:
            return
        else:
            stopped = self._row.note(_kind_of(error), self._reason(error, provider))
        if stopped is not None:
            self._rows.stopped = stopped
            raise stopped.error from error

    def _reason(self, error: BaseException, provider: str | None) -> Reason:
        passes = is_passing(error)
        if passes and provider is not None:
            return _refused(error)
        name, message = type(error).__name__, message_of(error)
        said = message if message.startswith(name) else f"{name}: {message}"
        return Reason.repeated(self._asked, said, retryable=passes)


class StepBreaker:
    """Counts the failures of all other steps of a run, by what it left of them."""

    def __init__(self, most: int, rows: FailureRows) -> None:
        """Stop after `most` failures of one kind in a row."""
        self._most = most
        self._rows = rows
        self._counted: dict[tuple[Stage, int], Row] = {}

    def note(self, outcome: Outcome) -> bool:
        """Count what failed, and return whether successes must be noted too: there is a row that one would end.

        Generations are counted by their `Breaker`, which sees their errors.

        Raises:
            RepeatedFailureError: there were too many failures of one kind.
        """
        if outcome.stage is not Stage.GENERATE:
            if not outcome.ok:
                self._note_failure(outcome)
            elif self._rows.is_shared:  # others may have a row that it ends
                self._row(outcome).end()
            elif (row := self._counted.pop((outcome.stage, outcome.item), None)) is not None:
                row.end()
        return self._rows.is_shared or bool(self._counted)

    def _note_failure(self, outcome: Outcome) -> None:
        failure = codec.to_failure(outcome)
        if failure.error_type == _OWN_REASON or failure.category == WORKER_LOST:
            return
        said = str(redact_urls(failure.summary))
        reason = Reason.repeated(NAMES[outcome.stage].span, said, retryable=failure.retryable)
        stopped = self._row(outcome).note(failure.error_type, reason)
        if stopped is not None:
            self._rows.stopped = stopped
            raise stopped.error

    def _row(self, outcome: Outcome) -> Row:
        key = outcome.stage, outcome.item
        row = self._counted.get(key)
        if row is None:
            row = self._counted[key] = self._rows.row(f"{NAMES[outcome.stage].span} {outcome.item}", self._most)
        return row


def breaks(error: BaseException) -> bool:
    """Whether a failure will repeat with every call: the error says so, or its status is a refusal of all requests."""
    said = said_by(error, "breaks")
    if isinstance(said, bool):
        return said
    return isinstance(error, MissingSecretError) or status_of(error) in _REFUSALS


def is_no_access(failure: BaseException | StageFailure) -> bool:
    """Whether a model refuses the key, or there is none: nothing changes that but a person."""
    if isinstance(failure, StageFailure):
        return failure.error_type == MissingSecretError.__name__ or failure.details.get("status_code") in _NO_ACCESS
    return isinstance(failure, MissingSecretError) or status_of(failure) in _NO_ACCESS


def _kind_of(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__} {status_of(error)}"


def _refused(error: BaseException) -> Reason:
    return Reason.refused(message_of(error), retry_after_s(error) or None, is_key=is_no_access(error))
