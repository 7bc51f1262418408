"""Failures in a row, of one process, and of all shards of a run: values without side effects.

Each process counts its own. Where several carry out one run, each tells the others from time to time what has ended
since it last did: how many failures of one kind in a row, and whether a success, or a failure of another kind, was
before them. What one tells at once counts as one stretch, and stretches follow each other in the order in which they
are told. So a success of any shard ends the row of all, and a shard that has none adds its failures.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from themis.core.errors import (
    KeyRefusedError,
    ProviderOutageError,
    RepeatedFailureError,
    RunStoppedError,
    ThemisError,
)
from themis.core.text.canonical import compact_json

_ERRORS: dict[str, type[ThemisError]] = {
    error.__name__: error for error in (KeyRefusedError, ProviderOutageError, RepeatedFailureError, RunStoppedError)
}

HOLD_MS = 5_000
"""Milliseconds after an outage of a provider in which no shard of the run begins to ask."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Error with which a run stops, but for the number of its failures."""

    error: type[ThemisError]
    facts: Mapping[str, Any]

    def after(self, failures: int) -> ThemisError:
        """Return the error after so many failures in a row."""
        return self.error(**{**self.facts, "failures": failures})


class Stretch(NamedTuple):
    """What has ended in one process since it last told the others.

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

    def note(self, kind: str, reason: Callable[[], Reason]) -> ThemisError | None:
        """Count a failure; returns the error with which the run stops when there are too many of its kind in a row."""
        if kind != self._kind:
            self._is_cut = self._is_cut or self._untold > 0
            self._kind, self._count, self._untold = kind, 0, 0
        self._count += 1
        self._untold += 1
        self._reason = reason()
        return self._reason.after(self._count) if self._count >= self.most else None

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
        stopped: the error with which this execution stops the run, once it does.
    """

    is_shared: bool = False
    stopped: ThemisError | None = None
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


class Stop(NamedTuple):
    """Stop of a run by one of its shards.

    Attributes:
        number: counts the stops of the run.
        error: the reason.
        at_ms: milliseconds since 1970 UTC.
    """

    number: int
    error: ThemisError
    at_ms: int

    def holds(self, now_ms: int) -> bool:
        """Whether a shard that begins now must not ask: nothing mends the reason by itself, or it was just now."""
        if isinstance(self.error, ProviderOutageError) and not isinstance(self.error, KeyRefusedError):
            return 0 <= now_ms - self.at_ms < HOLD_MS
        return not getattr(self.error, "retryable", False)


@dataclass(slots=True)
class SharedRows:
    """The rows of a run over all of its shards.

    Attributes:
        rows: kind and number of the failures in each row that has any, by its name.
        stop: the last stop; None without any.
    """

    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    stop: Stop | None = None

    @classmethod
    def read(cls, text: str | None) -> "SharedRows":
        """Return what a store keeps; of a reason that only a later version knows, nothing."""
        document = json.loads(text) if text else {}
        found = cls({name: (str(kind), int(count)) for name, (kind, count) in document.get("rows", {}).items()})
        if document.get("stop"):
            number, name, facts, at_ms = document["stop"][:4]
            if name in _ERRORS:
                found.stop = Stop(int(number), _ERRORS[name](**facts), int(at_ms))
        return found

    def text(self) -> str:
        """Return what a store keeps."""
        stop = self.stop
        said = None if stop is None else [stop.number, type(stop.error).__name__, stop.error.facts, stop.at_ms]
        return compact_json({"v": 1, "rows": self.rows, "stop": said})

    def add(self, told: Mapping[str, Stretch], now_ms: int) -> None:
        """Add what one shard tells; a row that has become too long stops the run."""
        for name, one in told.items():
            kind, count = self.rows.pop(name, ("", 0))
            if one.is_cut or (one.failures and one.kind != kind):
                kind, count = one.kind, 0
            if count + one.failures:
                self.rows[name] = kind, count + one.failures
            if one.reason is not None and one.failures and count + one.failures >= one.most:
                self.stop_with(one.reason.after(count + one.failures), now_ms)
                return

    def stop_with(self, error: ThemisError, now_ms: int) -> None:
        """Stop the run; its rows start over when it continues."""
        self.stop = Stop(1 + (self.stop.number if self.stop is not None else 0), error, now_ms)
        self.rows = {}
