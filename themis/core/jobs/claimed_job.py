"""A claimed job, carried out: from its manifest to the outcome that its owner settles it with."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from themis.core.components.resolution import make_importable
from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.calls.call_thread import at_home
from themis.core.engine.compiling.compiled import recompile
from themis.core.engine.retry_policy import is_passing, message_of, retry_after_s
from themis.core.engine.run import RunExecution, RunOptions, RunProgress
from themis.core.errors import (
    ClaimLostError,
    FingerprintChangedError,
    InputError,
    OtherStoreError,
    RunBusyError,
    TimeLimitError,
    UnknownRunError,
)
from themis.core.jobs.payload import read_payload
from themis.core.jobs.process_limits import ProcessLimits
from themis.core.jobs.time_limit import within
from themis.core.queue.model import outages
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import DONE, AttemptOutcome, Cause
from themis.core.results import RunStatus
from themis.core.stores import stored_cases
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord, RunStore

CANCEL_POLL_S = 0.1
"""Seconds between looks for a request to stop; a look costs one stat, and a run is to stop within a second."""

# The first that fits counts.
_CAUSES: tuple[tuple[tuple[type[Exception], ...], Cause], ...] = (
    ((TimeLimitError,), Cause.TIME_LIMIT),
    ((OtherStoreError,), Cause.OTHER_STORE),
    ((RunBusyError,), Cause.RUN_IN_USE),
    ((InputError, FingerprintChangedError), Cause.CONFIGURATION),
)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the executor of a job adds to its manifest.

    Attributes:
        allow_modules: prefixes of the modules that may be imported; None allows all, and the manifest's folders.
        cancelled: says whether somebody asked for the job to stop; cheap, asked often.
        fence: the claim under which results are written.
        progress: kept up to date while the run goes.
        enforce_time_limit: whether the job's time limit is kept here; not where whoever owns the process ends it.
    """

    allow_modules: Sequence[str] | None = None
    cancelled: Callable[[], bool] | None = None
    fence: Fence | None = None
    progress: RunProgress | None = None
    enforce_time_limit: bool = True


def execute_job(
    manifest: Manifest, store: RunStore, options: JobOptions, *, stop_on: Collection[int] = ()
) -> AttemptOutcome:
    """The same as `execute_job_async`, for who waits: this thread makes the calls of synchronous components meanwhile.

    Args:
        manifest: the job.
        store: where its results are kept.
        options: what the executor adds.
        stop_on: signals that cancel it.

    Raises:
        ClaimLostError: the job belongs to another worker now.
        asyncio.CancelledError: one of these signals came.
        KeyboardInterrupt: it was interrupted.
    """
    try:
        return run_to_end(execute_job_async(manifest, store, options), stop_on=stop_on)
    except TimeLimitError as error:  # its event loop is blocked by what cannot be interrupted, and was left to itself
        outcome = classify(error)
        _note_end(manifest, store, RunStatus.FAILED, outcome.message, options.fence)
        return outcome


async def execute_job_async(manifest: Manifest, store: RunStore, options: JobOptions) -> AttemptOutcome:
    """Carry a job out within its time limit, and say how that ended; its cases' outcomes are in the store by then.

    Raises:
        ClaimLostError: the job belongs to another worker now.
        RunBusyError: another process has the run in hand; only without a fence, else that is an outcome too.
        asyncio.CancelledError: this task was cancelled from outside.
    """
    stop, limits = asyncio.Event(), ProcessLimits()
    run = asyncio.current_task()
    watch = asyncio.create_task(_watch(options.cancelled, stop, run)) if options.cancelled and run else None
    limit_s = manifest.limits.timeout_s if options.enforce_time_limit else None
    try:
        record = await within(limit_s, _run_of(manifest, store, options))
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        if run is not None:
            run.uncancel()
        _note_end(manifest, store, RunStatus.CANCELLED, None, options.fence)
        return AttemptOutcome(Cause.CANCELLED, "cancelled while running")
    except ClaimLostError:
        raise
    except RunBusyError as error:
        if options.fence is None:
            raise
        return classify(error)
    except Exception as error:  # noqa: BLE001  # classified: what an experiment raises is its outcome
        outcome = _own(classify(error), limits)
        if outcome.cause is not Cause.OUTAGE:
            _note_end(manifest, store, RunStatus.FAILED, _said(error), options.fence)
        return outcome
    finally:
        if watch is not None:
            watch.cancel()
    return _outcome(record, store)


def classify(error: Exception) -> AttemptOutcome:
    """The outcome of an attempt that ended with `error`."""
    lack = outages.lack_of(error)
    cause = _cause(error) if lack is None else Cause.OUTAGE
    return AttemptOutcome(cause, _said(error), retry_after_s=retry_after_s(error) or None, lack=lack)


def _said(error: Exception) -> str:
    """All that an error says, however long: the store keeps it whole."""
    message = message_of(error)
    return message if isinstance(error, TimeLimitError) else f"{type(error).__name__}: {message}"


def _own(outcome: AttemptOutcome, limits: ProcessLimits) -> AttemptOutcome:
    """An outage that the experiment made for its own process is the experiment's failure."""
    why = limits.why_not() if outcome.cause is Cause.OUTAGE else None
    if why is None:
        return outcome
    limits.restore()  # how it ended is still to be written, and this may be a worker's process
    return AttemptOutcome(Cause.EXCEPTION, f"{outcome.message}; {why}, which keeps the results too")


def _cause(error: Exception) -> Cause:
    for kinds, cause in _CAUSES:
        if isinstance(error, kinds):
            return cause
    return Cause.TRANSIENT if is_passing(error) else Cause.EXCEPTION


async def _run_of(manifest: Manifest, store: RunStore, options: JobOptions) -> RunRecord:
    payload = read_payload(manifest.payload, name=manifest.key)
    folders = payload.import_from if options.allow_modules is None else []
    for folder in folders:
        make_importable(folder)
    snapshot = store.load_snapshot(manifest.run_id)
    if snapshot is None:
        raise UnknownRunError(run_id=manifest.run_id, nearest="")
    run = await at_home(lambda: recompile(snapshot, allow_modules=options.allow_modules, folders=folders))
    # What the policy asks for was done when the job was submitted; every attempt goes on from there.
    runtime = payload.runtime.model_copy(update={"existing_run_policy": "auto"})
    run_options = RunOptions(
        fence=options.fence,
        afresh=payload.runtime.existing_run_policy == "rerun",
        progress=options.progress or RunProgress(),
    )
    execution = RunExecution(run, store, runtime, run_options)
    return await execution.execute()


async def _watch(cancelled: Callable[[], bool], stop: asyncio.Event, run: "asyncio.Task[object]") -> None:
    while not cancelled():  # noqa: ASYNC110  # the request is a file that another process writes
        await asyncio.sleep(CANCEL_POLL_S)
    stop.set()
    run.cancel()


def _outcome(record: RunRecord, store: RunStore) -> AttemptOutcome:
    """What a run that came to its end means for its job: only one in which no case has an answer is a failure."""
    if record.status is not RunStatus.FAILED:
        return DONE
    snapshot = store.load_snapshot(record.run_id)
    case = next(stored_cases.iter_cases(store, snapshot), None) if snapshot else None
    failures = (
        [failure for stage in {o.stage for o in case.outcomes} for failure in case.failures(stage).values()]
        if case
        else []
    )
    first = f"; the first: {failures[0].summary}" if failures else ""
    cause = Cause.TRANSIENT if failures and failures[0].retryable else Cause.EXCEPTION
    return AttemptOutcome(cause, f"every case failed{first}")


def _note_end(manifest: Manifest, store: RunStore, status: RunStatus, error: str | None, fence: Fence | None) -> None:
    """Have the run say how it ended as a whole, when it was stopped; a store that cannot be written says so itself."""
    with contextlib.suppress(Exception):
        store.end_run(manifest.run_id, status, through=None, error=error, fence=fence)
