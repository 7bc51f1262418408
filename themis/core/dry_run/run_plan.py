"""Plan of a run: its cases that are stored already, those that are left, and the calls that these would take."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from themis.core.base import FrozenModel
from themis.core.configuration.default_paths import DEFAULT_STORE_KIND
from themis.core.dry_run.write_access import why_not_writable
from themis.core.engine.code_changes import act_on_edits_elsewhere, act_on_own_edits
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.compiling.run_name import name_of
from themis.core.engine.planning import done_cases, pending_work
from themis.core.engine.remarks import remark_on_candidates, remark_on_idle_limits
from themis.core.engine.reuse import Lenders
from themis.core.engine.run_options import parse_until_stage
from themis.core.engine.spending import refuse_unkept_budget
from themis.core.errors import RunExistsError, StoreError, StoreMissingError
from themis.core.experiment import Experiment
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.memory import InMemoryRunStore
from themis.core.stores.protocol import RunRecord, RunStore
from themis.core.stores.registry import is_kept, location_of


class RunPlan(FrozenModel):
    """Outline of a run that is not begun: what is stored, and what it would ask for.

    Attributes:
        run_id, name: of the run; the name that it has, or would get.
        status: of the stored run; None when it is new, or would start from scratch.
        total_cases: of all datasets.
        stored_cases: those of them that need nothing more.
        left_cases: the others.
        generation_calls: candidates that the generator would be asked for.
        stored_generations: candidates of the cases that are left which are stored, by this run or by others.
        judgments: scores for which judges would be asked.
        held_by: the process that is running it now, so that another one could not; None when nobody is.
        store: where its results are kept, or would be; None for a store in memory.
        store_exists: whether that is there already.
    """

    run_id: str
    name: str
    status: RunStatus | None = None
    total_cases: int
    stored_cases: int = 0
    left_cases: int = 0
    generation_calls: int = 0
    stored_generations: int = 0
    judgments: int = 0
    held_by: str | None = None
    store: str | None = None
    store_exists: bool = False


def plan_run(experiment: Experiment, until_stage: str = "judge") -> RunPlan:
    """Return what a run of an experiment would do, up to a stage; it is checked as `Experiment.run` checks it.

    Raises:
        InputError: the experiment cannot be run; the message says why.
        RunExistsError: the run exists, and `runtime.existing_run_policy` is `error`.
        StoreError: its store cannot be used, or not be made.
    """
    run, until = experiment.compiled(), min(parse_until_stage(until_stage), experiment.compile().last_stage)
    runtime, components = experiment.runtime, run.components
    refuse_unkept_budget(runtime, components.generator.live, components.live_judges)
    remark_on_candidates(run, until)
    remark_on_idle_limits(run, runtime)
    with opened(experiment) as store:
        record = None if store is None else store.load_run(run.snapshot.run_id)
        if record is not None and runtime.existing_run_policy == "error":
            raise RunExistsError(run_id=run.snapshot.run_id, status=record.status.value)
        return _plan(experiment, store, record, until)


@contextmanager
def opened(experiment: Experiment) -> Iterator[RunStore | None]:
    """Open the store for the length of a block, as a run would open it; None when there is none yet."""
    try:
        found = experiment.open_store(must_exist=True) if is_kept(experiment.storage) else None
    except StoreMissingError:
        found = None
    if found is None:
        _refuse_unwritable(experiment)
        yield None
        return
    with closing(found):
        yield found


def _refuse_unwritable(experiment: Experiment) -> None:
    """Refuse a file of a store that could not be made."""
    path = Path(location_of(experiment.storage).path) if experiment.storage.store == DEFAULT_STORE_KIND else None
    if path is not None and (why_not := why_not_writable(path)):
        raise StoreError(path=str(path), detail=f"cannot be made: {why_not}")


def _plan(experiment: Experiment, store: RunStore | None, record: RunRecord | None, until: Stage) -> RunPlan:
    run, afresh = experiment.compiled(), experiment.runtime.existing_run_policy == "rerun"
    snapshot = run.snapshot
    found = RunPlan(
        run_id=snapshot.run_id,
        name=name_of(store or InMemoryRunStore(), snapshot, experiment.title),
        status=None if record is None or afresh else record.status,
        total_cases=snapshot.total_cases,
        store=location_of(experiment.storage).path if is_kept(experiment.storage) else None,
        store_exists=store is not None,
    )
    if store is None or afresh:
        return found.model_copy(update=_counts(run, InMemoryRunStore(), until, Lenders.NONE))
    rule = experiment.runtime.code_changes
    stored = None if record is None else store.load_snapshot(snapshot.run_id)
    if stored is not None:
        act_on_own_edits(rule, stored, snapshot)
        run = run.with_seeds_of(stored)
    lenders = Lenders.under(rule)
    if lenders is Lenders.SAME_CODE:
        act_on_edits_elsewhere(rule, store, snapshot)
    holder = store.run_holder(snapshot.run_id)
    held = {"held_by": str(holder)} if holder.held else {}
    return found.model_copy(update=_counts(run, store, until, lenders) | held)


def _counts(run: CompiledRun, store: RunStore, until: Stage, lenders: Lenders) -> dict[str, int]:
    """Return the counts of cases and calls; what is stored is looked up as a run does it."""
    candidates = range(run.snapshot.candidate_count)
    judged = run.snapshot.evaluation_items[Stage.JUDGE] if until >= Stage.JUDGE else frozenset()
    left = stored = judgments = 0
    done = done_cases(run, store, until)
    for works in pending_work(run, store, _Nowhere(), done, lenders=lenders):
        left += len(works)
        for work in works:
            stored += sum((Stage.GENERATE, item) in work.stored for item in candidates)
            judgments += sum((Stage.JUDGE, item) not in work.stored for item in judged)
    return {
        "stored_cases": done.count,
        "left_cases": left,
        "generation_calls": left * len(candidates) - stored,
        "stored_generations": stored,
        "judgments": judgments,
    }


class _Nowhere:
    """Takes outcomes of other runs that a run would take over, and writes none."""

    def add(self, outcome: Outcome) -> None:
        """Leave an outcome where it is."""
