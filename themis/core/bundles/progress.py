"""Progress of a run after an import: how far its cases have come, and whether all of them have."""

from collections.abc import Iterable

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage, until_name
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore
from themis.core.text.canonical import content_hash

_PAGE = 1_000


def digest_of_candidates(outcomes: Iterable[Outcome]) -> str:
    """Return 32 hex digits that stand for the candidates among the outcomes of a case."""
    found = [[o.item, o.output, o.body] for o in outcomes if o.stage is Stage.GENERATE and o.ok]
    return content_hash(found)[:32]


def end_of(snapshot: RunSnapshot, end: CaseEnd, outcomes: Iterable[Outcome]) -> CaseEnd | None:
    """Return the end of a case by its outcomes: at the stage that failed, else at the last that is complete, if any."""
    failed = [outcome.stage for outcome in outcomes if not outcome.ok]
    if failed:
        return end._replace(failed=True, through=min(failed))
    done = {(outcome.stage, outcome.item) for outcome in outcomes}
    through = None
    for stage, needed in _needed(snapshot).items():
        if stage >= Stage.SCORE and not needed:
            continue
        if not done.issuperset(needed):
            # An answer that is left out is not parsed, and has its scores all the same.
            if stage is Stage.PARSE:
                continue
            break
        through = stage
    return None if through is None else end._replace(through=through)


def _needed(snapshot: RunSnapshot) -> dict[Stage, list[tuple[Stage, int]]]:
    """Return what must be there for each stage to be complete."""
    refs, items = snapshot.component_refs, snapshot.evaluation_items
    return {
        Stage.GENERATE: [(Stage.GENERATE, item) for item in range(snapshot.candidate_count)],
        Stage.SELECT: [(Stage.SELECT, 0)] if refs.selector else [],
        Stage.REDUCE: [(Stage.REDUCE, 0)] if refs.reducer else [],
        **{stage: [(stage, number) for number in numbers] for stage, numbers in items.items()},
    }


def note_progress(store: RunStore, snapshot: RunSnapshot) -> None:
    """Record a run whose cases have all ended as complete through the stage that all of them have reached."""
    run_id = snapshot.run_id
    ended, failed = store.count_ends(run_id)
    if failed or not ended or ended < snapshot.total_cases:
        return
    through, first = snapshot.last_stage, 0
    while ends := store.ends_from(run_id, first, _PAGE):
        through = min(through, *(end.through for end in ends))
        first = ends[-1].case_no + 1
    through = Stage.GENERATE if through is Stage.SELECT else through
    record = store.load_run(run_id)
    assert record is not None, "the run was just created"  # noqa: S101
    if record.status is not RunStatus.COMPLETED or record.completed_through != until_name(through):
        store.end_run(run_id, RunStatus.COMPLETED, through=through)
