"""Submission of the rows of a sweep, in batches that are acknowledged together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from themis.core.base import FrozenModel
from themis.core.configuration.sweeps.sweep import Sweep, sweep_of_mapping
from themis.core.configuration.sweeps.sweep_file import sweep_in
from themis.core.errors import InvalidArgumentError
from themis.core.jobs.predecessors import after_of, named_predecessors
from themis.core.jobs.prepared_job import (
    HowSubmitted,
    NamedMode,
    PreparedJob,
    how_submitted,
    persistent_store,
    prepared,
    submit_request,
)
from themis.core.jobs.queue_of_job import place_of, queue_of
from themis.core.jobs.sharding import jobs_of, refuse_existing, refuse_number, refuse_others
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.model.ordering import DEFAULT_PRIORITY
from themis.core.queue.model.predecessors import Predecessors, waits_for
from themis.core.queue.model.queue_place import Place
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions.bulk_submitting import most_at_once
from themis.core.queue.transitions.new_job import Submission
from themis.core.stores.registry import location_of
from themis.core.stores.shards.rows import run_part, state_of
from themis.core.submission import STATUS_OF_STATE, SubmissionManifest, summary_of
from themis.core.sweeps.rows import ExperimentRow, group_name, named_row, open_rows

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore
    from themis.core.stores.reading import StoreLocation


class SubmittedRow(NamedTuple):
    """Row that is submitted.

    Attributes:
        is_new: whether it was not submitted before; a batch request always is.
    """

    row: ExperimentRow
    manifest: SubmissionManifest
    is_new: bool


class _Submitted(NamedTuple):
    """Queue of a job (None for a batch request), its file, its state, whether it is new, and what it waits for."""

    place: Place | None
    path: Path | None
    status: str
    is_new: bool
    after: tuple[str, ...] = ()


class SubmittedSweep(FrozenModel):
    """Summary of a submitted sweep.

    Attributes:
        group: name of the group that its runs are in.
        rows: names of its rows, in order.
        submissions: of the same rows; one that was submitted before has the state of its job.
        new: names of those rows that were not submitted before.
    """

    group: str
    rows: list[str]
    submissions: list[SubmissionManifest]
    new: list[str]


def submit_sweep(  # noqa: PLR0913  # as for `submit_experiment`, and what is submitted
    config: str | Path | Sequence[str | Path],
    sweep: Sweep | Mapping[str, Sequence[Any]] | str | Path,
    *,
    group: str | None = None,
    overrides: Iterable[str] = (),
    mode: NamedMode = "worker_pool",
    priority: int = DEFAULT_PRIORITY,
    not_before: datetime | None = None,
    tags: Iterable[str] = (),
    shards: int = 1,
    after: Iterable[str] = (),
    after_ended: Iterable[str] = (),
) -> SubmittedSweep:
    """Submit a run for each row of a sweep; all of them are on disk on return, and in one group.

    All rows are checked before the first is submitted. The same call does the rest after a process died in between,
    and after the sweep has got more rows: what is there stays one job.

    Args:
        config: the config file, or several, each of which is combined with each row.
        sweep: lists of values by keys of the config file, whose product it is; the path of a file; or a `Sweep`.
        group: name of the group; by default that of the file of the sweep, else the name in the config file, else the
            name of that file.
        overrides: `key.path=value` texts for all rows.
        mode: see `submit_experiment`, as for the other arguments.
        priority: 0 (first) to 9.
        not_before: the earliest start time, with its time zone.
        tags: tags that a worker must have to take them, in addition to `runtime.tags`.
        shards: number of jobs that share the cases of each run.
        after: jobs that must be done before any of them starts, see `submit_experiment`.
        after_ended: jobs that must have ended before any of them starts, however.

    Raises:
        InputError: a row cannot be submitted, or two are the same run; the message names them.
        RunExistsError: one exists, and its policy is `error`.
        UnavailableError: a store or the queue cannot be used now; what was submitted stays.
    """
    configs = [Path(config)] if isinstance(config, str | Path) else [Path(one) for one in config]
    if not configs:
        raise InvalidArgumentError(argument="config", detail="names no config file")
    if isinstance(sweep, Mapping):
        sweep = sweep_of_mapping(sweep)
    elif not isinstance(sweep, Sweep):
        sweep = sweep_in(Path(sweep))
    how = how_submitted(mode, priority, not_before, tags, after_of(after, after_ended), shards=shards)
    rows = open_rows(configs, sweep, list(overrides), tags=how.tags)
    name = group_name(group, sweep, configs, rows)
    done = [one for part in submit_rows(rows, how, name) for one in part]
    return SubmittedSweep(
        group=name,
        rows=[one.row.name for one in done],
        submissions=[one.manifest for one in done],
        new=[one.row.name for one in done if one.is_new],
    )


def submit_rows(rows: Sequence[ExperimentRow], how: HowSubmitted, group: str) -> Iterator[list[SubmittedRow]]:
    """Submit rows into a group; yield each batch when all of it is durable.

    Raises:
        ConfigError: a row has fewer cases than shards, or is under way with another number; nothing is submitted.
        RunExistsError: a job exists, and the policy of its run is `error`; nothing is submitted.
        UnavailableError: a store or the queue cannot be used now; what was yielded stays.
    """
    stores: dict[StoreLocation, RunStore] = {}
    after: dict[StoreLocation, Predecessors] = {}
    jobs = []
    for row in rows:
        location = location_of(row.experiment.storage)
        if location not in stores:
            stores[location] = persistent_store(row.experiment)
            after[location] = named_predecessors(how.after, location)
        jobs.append(prepared(row.experiment, row.config, how, stores[location], after[location]))
    for row, job in zip(rows, jobs, strict=True):
        refuse_existing(job)
        with named_row(row.config, row.name):
            refuse_number(row.experiment, how.mode, how.shards)
            refuse_others(job, how.shards)
    size = max(most_at_once() // how.shards, 1)
    for start in range(0, len(rows), size):
        part = jobs[start : start + size]
        submitted = _written(part) if how.mode == "batch" else _queued(part, how.shards)
        _add_to_group(group, rows[start : start + size], part)
        yield [
            SubmittedRow(row, _summary(job, one, how.shards), one.is_new)
            for row, job, one in zip(rows[start : start + size], part, submitted, strict=True)
        ]


def _summary(job: PreparedJob, one: _Submitted, shards: int) -> SubmissionManifest:
    found = summary_of(job, one.path, one.status, one.place, one.after)
    return found.model_copy(update={"shards": shards}) if shards > 1 else found


def _written(jobs: Sequence[PreparedJob]) -> list[_Submitted]:
    return [_Submitted(None, submit_request(job), "pending", is_new=True) for job in jobs]


def _queued(jobs: Sequence[PreparedJob], shards: int) -> list[_Submitted]:
    """Queue the jobs of each run in its queue, and return what became of the runs, in order."""
    found: dict[str, list[Submission]] = {}
    places: dict[str, Place] = {}
    with closing(StoreCache()) as others:
        by_place: dict[Place, list[PreparedJob]] = {}
        for job in jobs:
            job.find_datasets_again()
            by_place.setdefault(place_of(job, others), []).append(job)
        for place, part in by_place.items():
            queue = queue_of(place, {job.job.store: job.store.jobs for job in part}, others)
            places |= dict.fromkeys((job.job.key for job in part), place)
            for batch in queue.submit_all([one for job in part for one in jobs_of(job, shards)]):
                for one in batch:
                    found.setdefault(run_part(one.row.key), []).append(one)
    return [_joined(places[job.job.key], found[job.job.key]) for job in jobs]


def _joined(place: Place, jobs: Sequence[Submission]) -> _Submitted:
    """Return what became of a run, of whose jobs these are all."""
    state = JobState(state_of({one.state for one in jobs}))
    is_new = any(one.created for one in jobs)
    return _Submitted(place, jobs[0].path, STATUS_OF_STATE[state], is_new, waits_for(jobs[0].row))


def _add_to_group(group: str, rows: Sequence[ExperimentRow], jobs: Sequence[PreparedJob]) -> None:
    """Add runs to a group, in one commit for each store."""
    stores = {id(job.store): job.store for job in jobs}
    for key, store in stores.items():
        pairs = zip(rows, jobs, strict=True)
        store.add_to_group(group, [(job.snapshot.run_id, row.name) for row, job in pairs if id(job.store) == key])
