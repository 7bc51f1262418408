"""The remaining work of a run, case by case: its datasets without the outcomes that are stored already."""

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Protocol

from themis.core.datasets.sources import known_cases
from themis.core.engine.case_work import CaseWork
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.reuse import Lenders, Reuse
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import case_key
from themis.core.stores.protocol import RunStore

PAGE = 256
"""Cases whose stored outcomes are read together."""

Pages = Iterator[tuple[list[CaseWork], list[CaseEnd]]]
"""Pages of cases: those with work left, and the ends of those without."""


class Taker(Protocol):
    """Takes the outcomes of other runs that become this one's; see `OutcomeWriter`."""

    def add(self, outcome: Outcome) -> None:
        """Take one."""


def pending_work(  # noqa: PLR0913  # what is read from where, and which of it; all but four by keyword
    run: CompiledRun,
    store: RunStore,
    writer: Taker,
    until: Stage,
    *,
    lenders: Lenders = Lenders.SAME_CODE,
    between: tuple[int, int | None] = (0, None),
    cases: tuple[int, int] | None = None,
) -> Pages:
    """Yield the run's cases, a page at a time: those with work left, and the ends of those without.

    Of the case numbers `between`, pages that end before the first, or begin at the second or later, are left out. With
    `cases` only the cases from the first number to before the second are in any page.

    Outcomes of the runs that `lenders` names are reused for the same cases, and passed to `writer` as this run's.

    Raises:
        DatasetChangedError: a dataset differs from the one that the run was compiled with.
    """
    with Reuse(store, run.snapshot, lenders) as reuse:
        yield from _pages(run, store, writer, until, reuse, between, cases or (0, None))


def _pages(  # noqa: PLR0913, PLR0917  # those of `pending_work`
    run: CompiledRun,
    store: RunStore,
    writer: Taker,
    until: Stage,
    reuse: Reuse,
    between: tuple[int, int | None],
    cases: tuple[int, int | None],
) -> Pages:
    run_id = run.snapshot.run_id
    is_stored = store.load_run(run_id) is not None
    resumes = is_stored and store.has_outcomes(run_id)
    judged = bool(run.components.judges)
    works, (first, stop) = each_case(run, *cases), between
    while page := list(islice(works, PAGE)):
        if stop is not None and page[0].case_no >= stop:
            return
        if page[-1].case_no < first:
            continue
        done = _take_stored(page, store, run_id, until) if resumes else {}
        left = [work for work in page if work.case_no not in done]
        if left and judged and is_stored:
            add_judge_calls(left, store, run_id)
        if left and reuse.possible:
            for outcome in reuse.outcomes_for(left):
                writer.add(outcome)
        yield left, list(done.values())


def each_case(run: CompiledRun, first: int = 0, stop: int | None = None) -> Iterator[CaseWork]:
    """Yield the cases numbered from `first` to before `stop`, in order; by default every case of every dataset.

    Their content must be the same as when the run was compiled; a dataset of which none is wanted is not read.

    Raises:
        DatasetChangedError: it is not.
    """
    begin, stop = 0, run.snapshot.total_cases if stop is None else stop
    for dataset_no, (source, known) in enumerate(zip(run.sources, run.fingerprints, strict=True)):
        dataset, end = run.snapshot.datasets[dataset_no], begin + known.case_count
        # One without cases is read too, if it is among them: it may have got some.
        if first <= begin <= end <= stop or max(begin, first) < min(end, stop):
            position = max(first - begin, 0)
            wanted = known_cases(source, known, position, None if end <= stop else stop - begin)
            for case_no, (case, digest) in enumerate(wanted, begin + position):
                yield CaseWork(case_no, dataset_no, case, digest, dataset, case_key(dataset.dataset_id, case.case_id))
        begin = end


def _take_stored(page: list[CaseWork], store: RunStore, run_id: str, until: Stage) -> dict[int, CaseEnd]:
    """Add each case's stored successes to it; returns the ends of the cases that need nothing more."""
    first, stop = page[0].case_no, page[-1].case_no + 1
    ends = store.ends_between(run_id, first, stop)
    # A case that failed at a later stage than the one requested needs no work, and stays failed.
    done = {end.case_no: end for end in ends if end.through > until or (end.through == until and not end.failed)}
    if len(done) == len(page):
        return done
    works = {work.case_no: work for work in page}
    for case_no, outcomes in groupby(store.outcomes_between(run_id, first, stop), key=lambda outcome: outcome.case_no):
        if case_no not in done:
            works[case_no].stored.update({(o.stage, o.item): o for o in outcomes if o.ok})
    return done


def add_judge_calls(left: list[CaseWork], store: RunStore, run_id: str) -> None:
    """Add to each case the responses of judges that are stored already, also before it has any outcome."""
    rows = store.judge_calls_between(run_id, left[0].case_no, left[-1].case_no + 1)
    by_case = {case_no: list(of_case) for case_no, of_case in groupby(rows, key=lambda row: row.case_no)}
    for work in left:
        work.judge_calls = {(row.item, row.call_id): row for row in by_case.get(work.case_no, ())}
