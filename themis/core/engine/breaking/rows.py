"""Failures in a row in one process, and what it tells the other shards of its run: values without side effects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from themis.core.errors import (
    KeyRefusedError,
    ProviderOutageError,
    RepeatedFailureError,
    RunStoppedError,
    ThemisError,
)

_REFUSED_KEY, _OUTAGE, _REPEATED, _REFUSED_RUN = "refused key", "outage", "repeated", "refused run"


class Reason(NamedTuple):
    """Reason for which a run stops, as an error that can be made in several processes.

    Attributes:
        kind: which of the errors it is.
        detail: what was said last.
        failures: how many there were in a row.
        what: what failed.
        retryable: whether it may pass by itself.
        retry_after_s: seconds that the provider asks for; None if it does not.
        key: the key of the configuration that it is about; None without one.
    """

    kind: str
    detail: str
    failures: int = 1
    what: str = ""
    retryable: bool = False
    retry_after_s: float | None = None
    key: str | None = None

    @classmethod
    def refused(cls, detail: str, retry_after_s: float | None, *, is_key: bool) -> "Reason":
        """Return the reason that a provider refuses a key, or every call."""
        kind = _REFUSED_KEY if is_key else _OUTAGE
        return cls(kind, detail, retryable=not is_key, retry_after_s=retry_after_s)

    @classmethod
    def repeated(cls, what: str, detail: str, *, retryable: bool) -> "Reason":
        """Return the reason that something fails again and again in the same way."""
        return cls(_REPEATED, detail, what=what, retryable=retryable)

    @classmethod
    def of_run(cls, detail: str, key: str | None) -> "Reason":
        """Return the reason that no call of the run can succeed."""
        return cls(_REFUSED_RUN, detail, key=key)

    @property
    def is_outage(self) -> bool:
        """Whether a provider cannot answer now: jobs wait for it, and are not charged."""
        return self.kind == _OUTAGE

    @property
    def error(self) -> ThemisError:
        """The error that the run ends with."""
        detail, failures = self.detail, self.failures
        if self.kind == _REFUSED_KEY:
            return KeyRefusedError(failures=failures, detail=detail, retry_after_s=self.retry_after_s)
        if self.kind == _OUTAGE:
            return ProviderOutageError(failures=failures, detail=detail, retry_after_s=self.retry_after_s)
        if self.kind == _REFUSED_RUN:
            return RunStoppedError(detail=detail, key=self.key)
        return RepeatedFailureError(what=self.what, failures=failures, detail=detail, retryable=self.retryable)


class Stretch(NamedTuple):
    """Ends of calls in one process since it last told the others of them.

    Attributes:
        is_cut: whether something ended the row that was there before.
        kind: of the failures in the row now.
        failures: how many there are of them; those that were told before are not among them.
        most: failures in a row after which the run stops.
        reason: why it stops then; None without a failure.
    """

    is_cut: bool
    kind: str
    failures: int
    most: int
    reason: Reason | None


@dataclass(slots=True)
class Row:
    """Failures of one kind in a row, in one process.

    Attributes:
        most: how many of them stop the run.
    """

    most: int
    _kind: str = ""
    _count: int = 0
    _untold: int = 0
    _is_cut: bool = False
    _reason: Reason | None = None

    def note(self, kind: str, reason: Reason) -> Reason | None:
        """Count a failure; returns the reason for which the run stops when there are too many of its kind in a row."""
        if kind != self._kind:
            self._is_cut = self._is_cut or self._untold > 0
            self._kind, self._count, self._untold = kind, 0, 0
        self._count += 1
        self._untold += 1
        self._reason = reason
        return reason._replace(failures=self._count) if self._count >= self.most else None

    def end(self) -> None:
        """Note a success."""
        self._count = self._untold = 0
        self._is_cut = True

    def take(self) -> Stretch:
        """Return what is to be told; from now on it counts as told."""
        found = Stretch(self._is_cut, self._kind, self._untold, self.most, self._reason)
        self._untold, self._is_cut = 0, False
        return found

    def give_back_cut(self) -> None:
        """Tell again that the row was cut, as it is not certain that the others know."""
        self._is_cut = True


@dataclass(slots=True)
class FailureRows:
    """The rows of one execution of a run.

    Attributes:
        is_shared: whether other shards of the run are told of them.
        stopped: the reason for which this execution stops the run, once it does.
    """

    is_shared: bool = False
    stopped: Reason | None = None
    _rows: dict[str, Row] = field(default_factory=dict)

    def row(self, name: str, most: int) -> Row:
        """Return the row with a name, which ends the run with `most` failures."""
        return self._rows.setdefault(name, Row(most))

    def take(self) -> dict[str, Stretch]:
        """Return what is to be told to others, by the names of the rows."""
        taken = {name: row.take() for name, row in self._rows.items()}
        return {name: told for name, told in taken.items() if told.is_cut or told.failures}

    def keep_cuts(self, taken: Mapping[str, Stretch]) -> None:
        """Tell again what was cut: it may not have arrived. Failures of which that is not certain do not count."""
        for name, told in taken.items():
            if told.is_cut:
                self._rows[name].give_back_cut()
