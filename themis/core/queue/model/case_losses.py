"""Cases that kill the process of their job: what follows from those that were in flight when it died.

    death 1      the cases in flight are noted; charged to the job
    death 2      the same; those that were in flight run alone from now on, before all others
    death 3      of a case that runs alone: it ends as `worker_lost`, and takes these deaths upon itself

So the budgets of the job start over when a case is named, and the job continues with the others. A job ends as before
when its processes die for another reason than a case: nothing is named then, and every death is charged to it.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from themis.core.outcomes.stages import WORKER_LOST
from themis.core.processes.noted_cases import InFlight
from themis.core.stores.job_rows import JobRow
from themis.core.text.counts import counted

TOGETHER = 2
"""Deaths of a job's process after which the cases that were in flight run alone."""

MOST_LOST_CASES = 10
"""Cases of a job that end as `worker_lost`; each further death is charged to the job."""


@dataclass(frozen=True, slots=True)
class CaseLosses:
    """Knowledge of the cases of a job whose process has died. Cases are positions in the run.

    Attributes:
        failures, lost: deaths that were charged to `max_attempts` and to `max_worker_lost`, since a case was named.
        seen: cases in flight at the last of them.
        alone: cases to run alone at the next attempt, in this order.
        ended: cases that have ended as `worker_lost`.
    """

    failures: int = 0
    lost: int = 0
    seen: tuple[int, ...] = ()
    alone: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> "CaseLosses":
        """Return what a job's row says; what is unreadable counts as nothing."""
        try:
            found = json.loads(text) if text else {}
            lists = {name: _numbers(found.get(name, ())) for name in ("seen", "alone", "ended")}
            return cls(int(found.get("failures", 0)), int(found.get("lost", 0)), **lists)
        except (ValueError, TypeError, AttributeError):
            return cls()

    @property
    def text(self) -> str | None:
        """The text for a job's row; None when there is nothing to say."""
        told = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(told, separators=(",", ":")) if told else None

    @property
    def words(self) -> str | None:
        """The same for people; None when no case is under suspicion."""
        alone = f"{counted(len(self.alone), 'case')} to run alone" if self.alone else ""
        ended = f"{counted(len(self.ended), 'case')} ended as {WORKER_LOST}" if self.ended else ""
        return ", ".join(filter(None, (alone, ended))) or None

    def culprit(self, found: InFlight | None) -> int | None:
        """Return the case that a death is charged to; None when it is charged to the job."""
        if found is None or not found.alone or len(found.cases) != 1 or len(self.ended) >= MOST_LOST_CASES:
            return None
        return found.cases[0]

    def without(self, culprit: int) -> "CaseLosses":
        """Return what is known after a case was named: the deaths up to now are its own."""
        alone = tuple(case for case in self.alone if case != culprit)
        return CaseLosses(alone=alone, ended=(*self.ended, culprit))

    def after(self, found: InFlight, *, is_lost: bool) -> "CaseLosses":
        """Return what is known after a death that is charged to the job.

        Args:
            found: the cases in flight.
            is_lost: whether it is charged to `max_worker_lost`.
        """
        if not found.cases:
            return self
        now = replace(self, failures=self.failures + (not is_lost), lost=self.lost + is_lost, seen=found.cases)
        if now.failures + now.lost < TOGETHER:
            return replace(now, alone=())
        # Those that were in flight both times are first: a case that always kills is among them.
        before = set(self.seen)
        return replace(now, alone=tuple(sorted(found.cases, key=lambda case: (case not in before, case))))


class Charged(NamedTuple):
    """Budgets of a job after the end of an attempt.

    Attributes:
        failures, lost: those of the job's row.
        losses: text of its `CaseLosses`.
        culprit: the case that the end is charged to; None when it is charged to the job, or nobody.
        is_used_up: whether the job has no try left.
    """

    failures: int
    lost: int
    losses: str | None
    culprit: int | None = None
    is_used_up: bool = False

    @property
    def remark(self) -> str:
        """Words about the case, to follow the message of the end."""
        if self.culprit is None:
            return ""
        return f"; case no. {self.culprit + 1} of the run ran alone, and ends as {WORKER_LOST}"


def charged(row: JobRow, found: InFlight | None, *, is_failure: bool, is_lost: bool) -> Charged:
    """Charge the end of an attempt to a case, to the job, or to nobody.

    Args:
        row: the job.
        found: the cases in flight, if its process died.
        is_failure: whether such an end is charged to `max_attempts`.
        is_lost: whether it is charged to `max_worker_lost`.
    """
    losses = CaseLosses.read(row.case_losses)
    culprit = losses.culprit(found)
    if culprit is not None:
        failures, lost = max(0, row.failures - losses.failures), max(0, row.lost - losses.lost)
        return Charged(failures, lost, losses.without(culprit).text, culprit)
    failures, lost = row.failures + is_failure, row.lost + is_lost
    used_up = lost >= row.max_worker_lost if is_lost else failures >= row.max_attempts
    after = losses if found is None else losses.after(found, is_lost=is_lost)
    return Charged(failures, lost, after.text, is_used_up=used_up and (is_failure or is_lost))


def in_flight_text(found: InFlight | None) -> str | None:
    """Return the text for an attempt's row: the cases that were in flight; None when there were none."""
    return json.dumps(list(found.cases), separators=(",", ":")) if found is not None and found.cases else None


def cases_in(text: str | None) -> list[int] | None:
    """Return the cases that the text of an attempt's row names; None when it names none."""
    try:
        return list(_numbers(json.loads(text))) if text else None
    except (ValueError, TypeError):
        return None


def _numbers(found: Iterable[object]) -> tuple[int, ...]:
    return tuple(number for number in found if type(number) is int and number >= 0)
