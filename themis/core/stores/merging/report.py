"""Report of a merge: what was added from each source, what was left out and why."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Prefer(StrEnum):
    """Store whose results count for a case that two stores answered in different ways.

    Attributes:
        FIRST: the one that was there first: the target, then the sources in their order.
        LAST: the one that is named last.
    """

    FIRST = "first"
    LAST = "last"


@dataclass(slots=True)
class Added:
    """Numbers of rows that a merge added to the target, or replaced in it.

    Attributes:
        runs: runs that were not there.
        cases: ends of cases, also better ones: of a case that failed, or did not come as far.
        outcomes: results and failures of stages.
        rescued: outcomes among these that replaced a failure by a success.
        replaced: cases whose results were replaced by those of the preferred store.
        judge_calls, spends, batches, score_edits, figures, calibrations: rows of those tables.
        texts: long texts.
        jobs: ended jobs, as history.
        facts: other facts about runs: status, name, labels, reuse keys, groups.
    """

    runs: int = 0
    cases: int = 0
    outcomes: int = 0
    rescued: int = 0
    replaced: int = 0
    judge_calls: int = 0
    spends: int = 0
    batches: int = 0
    score_edits: int = 0
    figures: int = 0
    calibrations: int = 0
    texts: int = 0
    jobs: int = 0
    facts: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether the target is as it was before."""
        return not any(asdict(self).values())


@dataclass(frozen=True, slots=True)
class RefusedRun:
    """Run of a source of which nothing was merged.

    Attributes:
        run_id: its id.
        why: one line for people, which says what to do.
    """

    run_id: str
    why: str


@dataclass(slots=True)
class SourceReport:
    """Merge of one source.

    Attributes:
        source: its location.
        runs: number of its runs.
        added: what came from it.
        completed: ids of the runs that have all their cases only now.
        refused: runs that were left out.
        notes: lines for people: what was decided, and what was not taken over.
    """

    source: str
    runs: int = 0
    added: Added = field(default_factory=Added)
    completed: list[str] = field(default_factory=list)
    refused: list[RefusedRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MergeReport:
    """Merge of several sources.

    Attributes:
        target: location of the store that everything is in now.
        sources: the merge of each source, in the order in which they were named.
    """

    target: str
    sources: list[SourceReport]

    @property
    def changed(self) -> bool:
        """Whether the target is not as it was before."""
        return not all(source.added.is_nothing for source in self.sources)

    @property
    def refused(self) -> int:
        """Number of runs that were left out."""
        return sum(len(source.refused) for source in self.sources)

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON value."""
        return {"into": self.target, "changed": self.changed, "sources": [asdict(source) for source in self.sources]}
