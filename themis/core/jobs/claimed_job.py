"""Execution of a claimed job: from its manifest to the outcome that its owner settles it with."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from themis.core.components.resolution import make_importable
from themis.core.engine.breaking.breaker import is_no_access
from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.calls.call_thread import at_home
from themis.core.engine.compiling.compiled import recompile
from themis.core.engine.compiling.run_datasets import known_in
from themis.core.engine.retry_policy import is_passing, message_of, retry_after_s
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import Precautions, RunOptions, RunProgress
from themis.core.errors import (
    BatchWaitError,
    BrokenOffError,
    ClaimLostError,
    FingerprintChangedError,
    InputError,
    KeyRefusedError,
    OtherStoreError,
    ProviderOutageError,
    RepeatedFailureError,
    RunBusyError,
    TimeLimitError,
    UnknownRunError,
)
from themis.core.jobs.payload import read_payload
from themis.core.jobs.self_imposed_limits import SelfImposedLimits
from themis.core.jobs.time_limit import within
from themis.core.outcomes.stages import WORKER_LOST
from themis.core.queue.model import outages
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import DONE, AttemptOutcome, Cause
from themis.core.results import RunStatus, StageFailure
from themis.core.snapshot import RunSnapshot
from themis.core.stores import stored_cases
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord, RunStore
from themis.core.values.run_ends import reason_of

CANCEL_POLL_S = 0.1
"""Seconds between checks for a cancel request; a check costs one stat, and a run should stop within a second."""

# The first match counts.
_CAUSES: tuple[tuple[tuple[type[Exception], ...], Cause], ...] = (
    ((TimeLimitError,), Cause.TIME_LIMIT),
    ((OtherStoreError,), Cause.OTHER_STORE),
    ((RunBusyError,), Cause.RUN_IN_USE),
    ((KeyRefusedError,), Cause.AUTHENTICATION),
    ((ProviderOutageError,), Cause.PROVIDER),
    ((BatchWaitError,), Cause.BATCH),
    ((InputError, FingerprintChangedError), Cause.CONFIGURATION),
)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Options that the executor of a job adds to its manifest.

    Attributes:
        allow_modules: prefixes of the modules that may be imported; None allows all, even in the manifest's folders.
        cancelled: whether somebody asked to cancel the job; cheap, called often.
        fence: the claim under which results are written.
        holds_lease: whether its lease is not over; None where claims have no leases.
        progress: kept up to date during the run.
        enforce_time_limit: whether the time limit is enforced here; false when the owner of the process ends it.
        precautions: what is done about cases that kill the process.
        snapshot: of the run, if it was loaded from the store already.
    """

    allow_modules: Sequence[str] | None = None
    cancelled: Callable[[], bool] | None = None
    fence: Fence | None = None
    holds_lease: Callable[[], bool] | None = None
    progress: RunProgress | None = None
    enforce_time_limit: bool = True
    precautions: Precautions = field(default_factory=Precautions)
    snapshot: RunSnapshot | None = None


def execute_job(
    manifest: Manifest, store: RunStore, options: JobOptions, *, stop_on: Collection[int] = ()
) -> AttemptOutcome:
    """Blocking form of `execute_job_async`: this thread makes the calls of synchronous components meanwhile.

    Args:
        manifest: the job.
        store: its results store.
        options: added by the executor.
        stop_on: signals that cancel it.

    Raises:
        ClaimLostError: the job belongs to another worker now.
        asyncio.CancelledError: one of these signals arrived.
        KeyboardInterrupt: it was interrupted.
    """
    try:
        return run_to_end(execute_job_async(manifest, store, options), stop_on=stop_on)
    except TimeLimitError as error:  # its event loop is blocked by a call that cannot be interrupted, and was abandoned
        outcome = classify(error)
        _note_end(manifest, store, RunStatus.FAILED, outcome.message, options.fence)
        return outcome


async def execute_job_async(manifest: Manifest, store: RunStore, options: JobOptions) -> AttemptOutcome:
    """Execute a job within its time limit and return its outcome; the outcomes of its cases are in the store by then.

    Raises:
        ClaimLostError: the job belongs to another worker now.
        RunBusyError: another process holds the run lock; only without a fence, else that is an outcome too.
        asyncio.CancelledError: this task was cancelled from outside.
    """
    stop, limits = asyncio.Event(), SelfImposedLimits()
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
        if outcome.cause not in {Cause.OUTAGE, Cause.BATCH}:
            _note_end(manifest, store, RunStatus.FAILED, _said(error), options.fence)
        return outcome
    finally:
        if watch is not None:
            watch.cancel()
    return _outcome(record, store)


def classify(error: Exception) -> AttemptOutcome:
    """Return the outcome of an attempt that ended with `error`."""
    lack = outages.lack_of(error)
    cause = _cause(error) if lack is None else Cause.OUTAGE
    return AttemptOutcome(cause, _said(error), retry_after_s=retry_after_s(error) or None, lack=lack)


def _said(error: Exception) -> str:
    """Return the whole message of an error, however long: the store keeps all of it."""
    message = message_of(error)
    return message if isinstance(error, TimeLimitError | BatchWaitError) else f"{type(error).__name__}: {message}"


def _own(outcome: AttemptOutcome, limits: SelfImposedLimits) -> AttemptOutcome:
    """Turn an outage that the experiment caused in its own process into a failure of the experiment."""
    why = limits.why_not() if outcome.cause is Cause.OUTAGE else None
    if why is None:
        return outcome
    limits.restore()  # the outcome must still be written, and this may be a worker's process
    return AttemptOutcome(Cause.EXCEPTION, f"{outcome.message}; {why}, which also writes the results")


def _cause(error: Exception) -> Cause:
    culprit = error.__cause__ if isinstance(error, BrokenOffError) and error.__cause__ else error
    if is_no_access(culprit) and not isinstance(error, InputError):
        return Cause.AUTHENTICATION
    for kinds, cause in _CAUSES:
        if isinstance(error, kinds):
            return cause
    if isinstance(error, RepeatedFailureError) and not error.retryable:
        return Cause.REPEATED
    return Cause.TRANSIENT if is_passing(error) else Cause.EXCEPTION


async def _run_of(manifest: Manifest, store: RunStore, options: JobOptions) -> RunRecord:
    payload = read_payload(manifest.payload, name=manifest.key)
    folders = payload.import_from if options.allow_modules is None else []
    for folder in folders:
        make_importable(folder)
    snapshot = options.snapshot or store.load_snapshot(manifest.run_id)
    if snapshot is None:
        raise UnknownRunError(run_id=manifest.run_id, nearest="")
    known, allow_modules = known_in(store), options.allow_modules
    run = await at_home(lambda: recompile(snapshot, known, allow_modules=allow_modules, folders=folders))
    # The policy was applied when the job was submitted; every attempt continues from there.
    runtime = payload.runtime.model_copy(update={"existing_run_policy": "auto"})
    run_options = RunOptions(
        fence=options.fence,
        afresh=payload.runtime.existing_run_policy == "rerun",
        progress=options.progress or RunProgress(),
        gives_back=options.fence is not None,
        holds_lease=options.holds_lease,
        cases=manifest.cases,
        precautions=options.precautions,
    )
    execution = RunExecution(run, store, runtime, run_options)
    return await execution.execute()


async def _watch(cancelled: Callable[[], bool], stop: asyncio.Event, run: "asyncio.Task[object]") -> None:
    while not cancelled():  # noqa: ASYNC110  # the request is a file that another process writes
        await asyncio.sleep(CANCEL_POLL_S)
    stop.set()
    run.cancel()


def _outcome(record: RunRecord, store: RunStore) -> AttemptOutcome:
    """Return the job's outcome for a run that has ended: failed if no case has an answer, or too many failed."""
    if reason_of(record.status.value, record.error) is not None:
        return AttemptOutcome(Cause.BUDGET, record.error or "")
    if record.status is not RunStatus.FAILED:
        return DONE
    failure = _first_failure(record, store)
    cause = Cause.EXCEPTION if record.error is None else Cause.FAILED_CASES
    if failure is not None and is_no_access(failure):
        cause = Cause.AUTHENTICATION
    elif failure is not None and failure.category == WORKER_LOST:
        cause = Cause.FAILED_CASES
    elif failure is not None and failure.retryable:
        cause = Cause.TRANSIENT
    first = f"; the first: {failure.summary}" if failure else ""
    return AttemptOutcome(cause, f"{record.error or 'every case failed'}{first}")


def _first_failure(record: RunRecord, store: RunStore) -> StageFailure | None:
    snapshot = store.load_snapshot(record.run_id)
    cases = stored_cases.iter_cases(store, snapshot) if snapshot else ()
    for case in cases:
        for stage in {outcome.stage for outcome in case.outcomes}:
            for failure in case.failures(stage).values():
                return failure
    return None


def _note_end(manifest: Manifest, store: RunStore, status: RunStatus, error: str | None, fence: Fence | None) -> None:
    """Record how a stopped run ended as a whole; a store that cannot be written reports that itself.

    A run with shards ends with the job of the last one.
    """
    if manifest.cases is not None:
        return
    with contextlib.suppress(Exception):
        store.end_run(manifest.run_id, status, through=None, error=error, fence=fence)
