"""The remaining work of a run, case by case: its datasets without the outcomes that are stored already."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from themis.core.datasets.sources import NONE_SKIPPED, Skipped
from themis.core.engine.case_work import CaseWork
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.reuse import Lenders, Reuse
from themis.core.outcomes.end_codes import DONE, DONE_FAILED, done_codes
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import case_key
from themis.core.stores.protocol import RunStore

PAGE = 256
"""Cases whose stored outcomes are read together."""

_FAR = 16
"""Cases apart from which outcomes are read by themselves: fewer cost less to read in vain than another look does."""


@dataclass(frozen=True, slots=True)
class DoneCases:
    """The cases of a run that need nothing more.

    Attributes:
        first, stop: numbers of the first case of which this says anything, and of the one behind the last.
        flags: `DONE` or `DONE_FAILED` for each of them that is done, in order, else 0; empty when nothing is done.
    """

    first: int
    stop: int
    flags: bytes | bytearray = b""

    @property
    def failed(self) -> int:
        """The number of those that failed."""
        return self.flags.count(DONE_FAILED)

    @property
    def count(self) -> int:
        """The number of those that are done."""
        return self.flags.count(DONE) + self.failed

    def without(self, case_numbers: Iterable[int]) -> "DoneCases":
        """Return what is said of all but some cases, which are as if they were not done."""
        flags = bytearray(self.flags)
        for case_no in case_numbers:
            if flags and self.first <= case_no < self.stop:
                flags[case_no - self.first] = 0
        return replace(self, flags=flags)

    def within(self, first: int, stop: int | None) -> "DoneCases":
        """Return what is said of the pages with cases from number `first` to before `stop`, and nothing else."""
        begin = max(self.first, first // PAGE * PAGE)
        end = self.stop if stop is None else min(self.stop, -(-stop // PAGE) * PAGE)
        return DoneCases(begin, end, self.flags[begin - self.first : end - self.first])

    def skipped(self, begin: int, count: int) -> Skipped:
        """Return the cases to skip of a dataset that begins with case number `begin` and has so many."""
        stop = self.stop - begin if self.stop < begin + count else None  # else read to its end, also what was added
        before = min(max(self.first - begin, 0), count)
        if not self.flags and not before:
            return Skipped(stop=stop)
        within = self.flags[max(begin - self.first, 0) : begin + count - self.first]
        return Skipped(bytes([DONE]) * before + bytes(within), stop)


class Taker(Protocol):
    """Takes the outcomes of other runs that become this one's; see `OutcomeWriter`."""

    def add(self, outcome: Outcome) -> None:
        """Take one."""


def done_cases(run: CompiledRun, store: RunStore, until: Stage, cases: tuple[int, int] | None = None) -> DoneCases:
    """Return which cases of a run need nothing more up to a stage; with `cases` only of those between two numbers."""
    first, stop = (0, run.snapshot.total_cases) if cases is None else cases
    run_id = run.snapshot.run_id
    resumes = store.load_run(run_id) is not None and store.has_outcomes(run_id)
    flags = store.ended_cases(run_id, first, stop).translate(done_codes(until)) if resumes else b""
    return DoneCases(first, stop, flags)


def pending_work(
    run: CompiledRun,
    store: RunStore,
    writer: Taker,
    done: DoneCases,
    *,
    lenders: Lenders = Lenders.SAME_CODE,
) -> Iterator[list[CaseWork]]:
    """Yield the cases of a run that are not done, a page at a time.

    Outcomes of the runs that `lenders` names are reused for the same cases, and passed to `writer` as this run's.

    Raises:
        DatasetChangedError: a dataset differs from the one that the run was compiled with.
    """
    run_id = run.snapshot.run_id
    is_stored = store.load_run(run_id) is not None
    judged = bool(run.components.judges)
    with Reuse(store, run.snapshot, lenders) as reuse:
        for _, of_page in groupby(each_case(run, done), key=lambda work: work.case_no // PAGE):
            left = list(of_page)
            if done.flags:
                _add_stored(left, store, run_id)
            if judged and is_stored:
                add_judge_calls(left, store, run_id)
            if reuse.possible:
                for outcome in reuse.outcomes_for(left):
                    writer.add(outcome)
            yield left


def each_case(run: CompiledRun, done: DoneCases | None = None) -> Iterator[CaseWork]:
    """Yield every case of every dataset, in order, or those of some that are not done.

    The content must be the same as when the run was compiled, also that of cases that are done.

    Raises:
        DatasetChangedError: it is not.
    """
    begin = 0
    for dataset_no, (source, known) in enumerate(zip(run.sources, run.fingerprints, strict=True)):
        dataset = run.snapshot.datasets[dataset_no]
        if done is not None and begin >= done.stop:
            return
        skipped = NONE_SKIPPED if done is None else done.skipped(begin, known.case_count)
        for index, case, digest in source.cases_left(known, skipped):
            key = case_key(dataset.dataset_id, case.case_id)
            yield CaseWork(begin + index, dataset_no, case, digest, dataset, key)
        begin += known.case_count


def _add_stored(left: list[CaseWork], store: RunStore, run_id: str) -> None:
    """Add each case's stored successes to it."""
    works = {work.case_no: work for work in left}
    for first, stop in _stretches(list(works)):
        outcomes = store.outcomes_between(run_id, first, stop)
        for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no):
            if case_no in works:
                works[case_no].stored.update({(o.stage, o.item): o for o in of_case if o.ok})


def _stretches(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges around numbers in order, of which none is far from its neighbours in its range."""
    first = before = numbers[0]
    for number in numbers[1:]:
        if number - before > _FAR:
            yield first, before + 1
            first = number
        before = number
    yield first, before + 1


def add_judge_calls(left: list[CaseWork], store: RunStore, run_id: str) -> None:
    """Add to each case the responses of judges that are stored already, also before it has any outcome."""
    rows = store.judge_calls_between(run_id, left[0].case_no, left[-1].case_no + 1)
    by_case = {case_no: list(of_case) for case_no, of_case in groupby(rows, key=lambda row: row.case_no)}
    for work in left:
        work.judge_calls = {(row.item, row.call_id): row for row in by_case.get(work.case_no, ())}
