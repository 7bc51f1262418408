"""Results of replays in memory: beside those of their run, until they take their place."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores.memory.side_rows import SideRows
from themis.core.stores.memory.undo import Undo

OutcomesOfCase = dict[tuple[Stage, int], Outcome]


class Results(Protocol):
    """Outcomes and ends of cases, by the case's number."""

    outcomes: dict[int, OutcomesOfCase]
    ends: dict[int, CaseEnd]


@dataclass(slots=True)
class Replay:
    """Results of a replay that has not ended."""

    request: str
    outcomes: dict[int, OutcomesOfCase] = field(default_factory=dict)
    ends: dict[int, CaseEnd] = field(default_factory=dict)


class ReplayedRun(Results, Protocol):
    """A run of which a replay may be under way."""

    snapshot: RunSnapshot
    names_by_key: dict[str, str]
    replay: Replay | None


def append_to(results: Results, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], undo: Undo) -> None:
    """Add outcomes and ends of cases to `results`; a success is never replaced."""
    for outcome in outcomes:
        of_case = results.outcomes.get(outcome.case_no)
        if of_case is None:
            of_case = {}
            undo.put(results.outcomes, outcome.case_no, of_case)
        known = of_case.get((outcome.stage, outcome.item))
        if known is None or not known.ok:
            undo.put(of_case, (outcome.stage, outcome.item), outcome)
    for end in ends:
        before = results.ends.get(end.case_no)
        if before is None or before.failed or before.through < end.through:
            undo.put(results.ends, end.case_no, end)


def outcomes_in(results: Results, first: int, stop: int) -> list[Outcome]:
    """Return the outcomes of the cases numbered from `first` to before `stop`, in order of their keys."""
    found = results.outcomes
    return [of_case[key] for no in range(first, stop) if (of_case := found.get(no)) for key in sorted(of_case)]


def ends_in(results: Results, first: int, stop: int) -> list[CaseEnd]:
    """Return the ends of the cases numbered from `first` to before `stop`, in order."""
    return [results.ends[no] for no in range(first, stop) if no in results.ends]


class Replays(SideRows, ABC):
    """Methods of a store on replays."""

    _undo: Undo

    def begin_replay(self, run_id: str, request: str) -> bool:
        """Begin a replay, and return True; False when the one with an equal `request` goes on."""
        run = self._run(run_id)
        if run.replay is not None and run.replay.request == request:
            return False
        self._put_replay(run, Replay(request))
        return True

    def append_replayed(self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        """Save results of a replay beside those of the run."""
        with self._undo.lock:
            append_to(self._replay(run_id), outcomes, ends, self._undo)

    def replayed_ends(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases that are replayed, in order."""
        return ends_in(self._replay(run_id), first, stop)

    def replayed_outcomes(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the new outcomes of the cases that are replayed, in order of their keys."""
        return outcomes_in(self._replay(run_id), first, stop)

    def end_replay(
        self, run_id: str, keeps: Callable[[Stage, int], bool], snapshot: RunSnapshot, keys: Mapping[str, str]
    ) -> None:
        """Put the results of a replay in place of those of the run."""
        run, replay = self._run(run_id), self._replay(run_id)
        outcomes, ends = dict(run.outcomes), {**run.ends, **replay.ends}
        for case_no in replay.ends:
            before = {key: found for key, found in run.outcomes.get(case_no, {}).items() if keeps(*key)}
            outcomes[case_no] = {**replay.outcomes.get(case_no, {}), **before}
        with self._undo.transaction():
            before_all = run.outcomes, run.ends, run.snapshot, run.names_by_key
            self._undo.note(lambda: _put_results(run, *before_all))
            _put_results(run, outcomes, ends, snapshot, {key: name for name, key in keys.items()})
            self._put_replay(run, None)

    def replace_snapshot(self, snapshot: RunSnapshot) -> None:
        """Save a snapshot in place of that of its run."""
        run = self._run(snapshot.run_id)
        self._undo.note(lambda before=run.snapshot: setattr(run, "snapshot", before))  # type: ignore[misc]
        run.snapshot = snapshot

    def drop_replay(self, run_id: str) -> None:
        """Forget a replay that did not end."""
        self._put_replay(self._run(run_id), None)

    def _replay(self, run_id: str) -> Replay:
        found = self._run(run_id).replay
        assert found is not None, "the replay has begun"  # noqa: S101
        return found

    def _put_replay(self, run: ReplayedRun, replay: Replay | None) -> None:
        self._undo.note(lambda before=run.replay: setattr(run, "replay", before))  # type: ignore[misc]
        run.replay = replay

    @abstractmethod
    def _run(self, run_id: str) -> ReplayedRun: ...


def _put_results(
    run: ReplayedRun,
    outcomes: dict[int, OutcomesOfCase],
    ends: dict[int, CaseEnd],
    snapshot: RunSnapshot,
    names_by_key: dict[str, str],
) -> None:
    run.outcomes, run.ends, run.snapshot, run.names_by_key = outcomes, ends, snapshot, names_by_key
