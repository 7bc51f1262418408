"""Failures in a row over all shards of a run: values without side effects.

Each process counts its own. Where several carry out one run, each tells the others from time to time what has ended
since it last did: how many failures of one kind in a row, and whether a success, or a failure of another kind, was
before them. What one tells at once counts as one stretch, and stretches follow each other in the order in which they
are told. So a success of any shard ends the row of all, and a shard that has none adds its failures.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from themis.core.engine.breaking.rows import Reason, Stretch
from themis.core.text.canonical import compact_json

HOLD_MS = 5_000
"""Milliseconds after an outage of a provider in which no shard of the run begins to ask."""


class Stop(NamedTuple):
    """Stop of a run by one of its shards.

    Attributes:
        at_ms: milliseconds since 1970 UTC; tells it from the others of the run.
        reason: why it is stopped.
    """

    at_ms: int
    reason: Reason

    def holds(self, now_ms: int) -> bool:
        """Whether a shard that begins now must not ask: nothing mends the reason by itself, or it was just now."""
        if self.reason.is_outage:
            return 0 <= now_ms - self.at_ms < HOLD_MS
        return not self.reason.retryable


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
        """Return what a store keeps; of a later version's, what is known here."""
        document = json.loads(text) if text else {}
        found = cls({name: (str(kind), int(count)) for name, (kind, count) in document.get("rows", {}).items()})
        if document.get("stop"):
            at_ms, reason = document["stop"][:2]
            known = {name: reason[name] for name in Reason._fields if name in reason}
            found.stop = Stop(int(at_ms), Reason(**known))
        return found

    def text(self) -> str:
        """Return what a store keeps."""
        stop = self.stop
        said = None if stop is None else [stop.at_ms, stop.reason._asdict()]
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
                self.stop_for(one.reason._replace(failures=count + one.failures), now_ms)
                return

    def stop_for(self, reason: Reason, now_ms: int) -> None:
        """Stop the run; its rows start over when it continues."""
        if self.stop is not None:
            now_ms = max(now_ms, self.stop.at_ms + 1)
        self.stop = Stop(now_ms, reason)
        self.rows = {}
