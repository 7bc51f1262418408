"""The remaining work of a run, case by case: its datasets without the outcomes that are stored already."""

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Protocol

from themis.core.engine.case_work import CaseWork
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.reuse import Lenders, Reuse
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import case_key
from themis.core.stores.protocol import RunStore

PAGE = 256
"""Cases whose stored outcomes are read together."""


class Taker(Protocol):
    """Takes the outcomes of other runs that become this one's; see `OutcomeWriter`."""

    def add(self, outcome: Outcome) -> None:
        """Take one."""


def pending_work(
    run: CompiledRun,
    store: RunStore,
    writer: Taker,
    until: Stage,
    *,
    lenders: Lenders = Lenders.SAME_CODE,
    between: tuple[int, int | None] = (0, None),
) -> Iterator[tuple[list[CaseWork], list[CaseEnd]]]:
    """Yield the run's cases, a page at a time: those with work left, and the ends of those without.

    Of the case numbers `between`, pages that end before the first, or begin at the second or later, are left out.

    Outcomes of the runs that `lenders` names are reused for the same cases, and passed to `writer` as this run's.

    Raises:
        DatasetChangedError: a dataset differs from the one that the run was compiled with.
    """
    run_id = run.snapshot.run_id
    is_stored = store.load_run(run_id) is not None
    resumes = is_stored and store.has_outcomes(run_id)
    judged = bool(run.components.judges)
    reuse = Reuse(store, run.snapshot, lenders)
    cases, (first, stop) = each_case(run), between
    while page := list(islice(cases, PAGE)):
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


def each_case(run: CompiledRun) -> Iterator[CaseWork]:
    """Yield every case of every dataset, in order; the content must be the same as when the run was compiled.

    Raises:
        DatasetChangedError: it is not.
    """
    case_no = 0
    for dataset_no, (source, known) in enumerate(zip(run.sources, run.fingerprints, strict=True)):
        dataset = run.snapshot.datasets[dataset_no]
        for case, digest in zip(source.cases_again(known), known.each_digest(), strict=True):
            yield CaseWork(case_no, dataset_no, case, digest, dataset, case_key(dataset.dataset_id, case.case_id))
            case_no += 1


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
