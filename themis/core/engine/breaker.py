"""Breaker: stops a run whose cases fail one after the other, before all of them were tried.

What counts is a row of failures without a success between them, in the order in which they end. Two rows are kept:
refusals of a model, which will repeat whatever the case is, and failures of one kind of any other cause. The second
one must be longer, as cases may fail for their own sake.
"""

from dataclasses import dataclass, field
from typing import Protocol

from themis.core.configuration.secrets import redact_urls
from themis.core.engine.retry_policy import is_passing, message_of, retry_after_s, said_by, status_of
from themis.core.errors import (
    KeyRefusedError,
    MissingSecretError,
    ProviderOutageError,
    RepeatedFailureError,
    RunStoppedError,
)
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


@dataclass(slots=True)
class _Row:
    """Failures of one kind in a row."""

    kind: object = None
    count: int = 0

    def note(self, kind: object) -> int:
        """Count a failure; returns how many of its kind there are in a row."""
        self.count = self.count + 1 if kind == self.kind else 1
        self.kind = kind
        return self.count

    def end(self) -> None:
        """Note a success."""
        self.count = 0


class Breaker:
    """Counts the failed calls of one model."""

    def __init__(self, runtime: Limits, asked: str) -> None:
        """Stop by the settings of `runtime`; messages call the model `asked`."""
        self._most_refusals = runtime.breaker.failures or REFUSALS
        self._most = longest_row(runtime)
        self._asked = asked
        self._refusals = 0
        self._row = _Row()

    def note_success(self) -> None:
        """Start the counts over."""
        self._refusals = 0
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
            raise RunStoppedError(detail=message_of(error), key=said_by(error, "config_key")) from error
        if breaks(error):
            self._refusals += 1
            if self._refusals >= self._most_refusals:
                raise _refused(self._refusals, error) from error
            return
        if said_by(error, "of_case") is True:
            return
        count = self._row.note((type(error), status_of(error)))
        if count >= self._most:
            passes = is_passing(error)
            if passes and provider is not None:
                raise _refused(count, error) from error
            name, message = type(error).__name__, message_of(error)
            said = message if message.startswith(name) else f"{name}: {message}"
            raise RepeatedFailureError(what=self._asked, failures=count, detail=said, retryable=passes) from error


@dataclass(slots=True)
class StepBreaker:
    """Counts the failures of all other steps of a run, by what it left of them.

    Attributes:
        most: failures of one kind in a row after which the run stops.
    """

    most: int
    _rows: dict[tuple[Stage, int], _Row] = field(default_factory=dict)

    def note(self, outcome: Outcome) -> bool:
        """Count what failed, and return whether successes must be noted too: there is a row that one would end.

        Generations are counted by their `Breaker`, which sees their errors.

        Raises:
            RepeatedFailureError: there were too many failures of one kind.
        """
        if outcome.ok:
            self._rows.pop((outcome.stage, outcome.item), None)
        elif outcome.stage is not Stage.GENERATE:
            self._note_failure(outcome)
        return bool(self._rows)

    def _note_failure(self, outcome: Outcome) -> None:
        failure = codec.to_failure(outcome)
        if failure.error_type == _OWN_REASON or failure.category == WORKER_LOST:
            return
        count = self._rows.setdefault((outcome.stage, outcome.item), _Row()).note(failure.error_type)
        if count >= self.most:
            what = NAMES[outcome.stage].span
            raise RepeatedFailureError(
                what=what, failures=count, detail=str(redact_urls(failure.summary)), retryable=failure.retryable
            )


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


def _refused(count: int, error: BaseException) -> ProviderOutageError:
    detail, wait_s = message_of(error), retry_after_s(error) or None
    if is_no_access(error):
        return KeyRefusedError(failures=count, detail=detail, retry_after_s=wait_s)
    return ProviderOutageError(failures=count, detail=detail, retry_after_s=wait_s)
