"""Choice of runs for a list, by what is in their rows and in the outlines of their experiments."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from themis.core.monitor.run_outline import RunOutline
from themis.core.stores.reading import RunRow
from themis.core.text.run_names import labels_in


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Runs that fit everything that is given.

    Attributes:
        name: pattern of the name, as in a shell: `*` and `?` stand for other signs.
        labels: labels that a run has, each with its value.
        since_ms: earliest time when a run was added, in milliseconds since 1970 UTC.
        dataset: id of one of its datasets.
        run_ids: ids of runs; None for any.
    """

    name: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    since_ms: int | None = None
    dataset: str | None = None
    run_ids: frozenset[str] | None = None

    def fits(self, run: RunRow, outline: Callable[[], RunOutline]) -> bool:
        """Whether a run fits; `outline` is only called, and so read, when that depends on it."""
        if self.run_ids is not None and run.run_id not in self.run_ids:
            return False
        if self.since_ms is not None and run.created_ms < self.since_ms:
            return False
        if self.name is not None and not fnmatchcase(run.name or "", self.name):
            return False
        if self.labels and not set(self.labels) <= labels_in(run.labels).items():
            return False
        return self.dataset is None or self.dataset in outline().datasets


ALL_RUNS = RunFilter()
"""Filter that every run fits."""
