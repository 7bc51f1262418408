"""Worker: its slots, its intake, and the steps of its main loop, all run by one thread."""

import random
import time
from collections.abc import Callable, Sequence

from themis.core.errors import InputError, QueueError, SlotLostError, StoreBusyError, StoreError, StoreGoneError
from themis.core.queue import Cause
from themis.core.queue.unsettled import SETTLE_AGAIN_S, is_settled_again
from themis.core.stores.job_rows import JobRow
from themis_workers.intake import Intake
from themis_workers.queue_watch import watch_of
from themis_workers.reporting import Reporting
from themis_workers.settings import WorkerSettings
from themis_workers.signals import Signals
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.exits import Stop
from themis_workers.slots.fork_server_client import ForkServer
from themis_workers.slots.pool import Slots
from themis_workers.slots.runs import Runs
from themis_workers.slots.slot import Slot
from themis_workers.stopping import ExitCode, Stopping
from themis_workers.telemetry import farewells, logs
from themis_workers.wake import Wake
from themis_workers.worker_context import WorkerContext

TICK_S = 0.25
"""Seconds between checks of running jobs and of what sends no event: exceeded limits, requests to stop."""

_NO_GRACE_S = 0.0


class Worker:
    """A worker and its parts; `loop` calls its methods in turn."""

    def __init__(
        self,
        context: WorkerContext,
        load_settings: Callable[[], WorkerSettings],
        wake: Wake,
        signals: Signals,
        fork_server: ForkServer,
    ) -> None:
        """Create a worker; its supervisors are starting when this returns.

        Args:
            context: queue, stores and identity of the worker.
            load_settings: returns the settings, now and at each reload.
            wake: the sleep of the main loop.
            signals: the signals that this process has received.
            fork_server: starts the supervisors of the slots, which own it.

        Raises:
            ConfigError: the settings are invalid.
            WorkerNameError: the owner's name is invalid, or in use.
        """
        self.settings = load_settings()
        self.stopping = Stopping()
        self.reporting = Reporting(context.queue, context.owner, self.settings, context.notifier)
        self.runs = Runs(context)
        self.slots = Slots(wake, fork_server, self.runs.note_process)
        self.intake = Intake(context.queue, context.stores, context.owner, self.settings)
        self._bell = watch_of(context.queue, wake)
        self._context = context
        self._load_settings = load_settings
        self._wake = wake
        self._signals = signals
        self._recover_s = self._settle_s = 0.0
        self._is_ready = False
        self._idle_since_s = time.monotonic()
        self._resize(self.settings.slots)

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the worker."""
        return self.stopping.exit_code

    def heed_requests(self) -> None:
        """Handle requests from signals and files: to end, or to reload the settings."""
        self._bell.look_after()
        if self._signals.terminal_lost:
            self._signals.terminal_lost = False
            logs.warn("the terminal is gone; the worker keeps running", stop_with=self._context.stop_command)
        if self._signals.reload:
            self._signals.reload = False
            self._reload()
        if self._signals.ends and self.stopping.left_s is None:
            self.stopping.begin("asked to end by a signal", self.settings.grace)
            logs.tell(
                farewells.on_first_signal(len(self.slots.running()), self.settings.grace, self._signals.last_end),
                jobs=self._running_jobs(),
            )
            self._context.notifier.stopping()
        if self._signals.ends > 1 and not self.stopping.forced:
            logs.warn(farewells.on_second_signal(len(self.slots.running())), jobs=self._running_jobs())
            self.stopping.force()
        if self.stopping.why is None and self.reporting.stop_requested:
            self.stopping.begin("asked to end by `themis worker stop`", None)
            logs.tell(farewells.on_stop_request(len(self.slots.running())), jobs=self._running_jobs())

    def look_after_runs(self) -> None:
        """Stop jobs that are over a limit, cancelled, lost or not ended in time; replace lost slots."""
        for slot in self.slots.running():
            self.runs.look_after(slot, self.settings.job_grace)
            if self.stopping.is_over:
                slot.stop(Stop.GIVEN_BACK, _NO_GRACE_S if self.stopping.forced else self.settings.job_grace)
        for slot in self.slots:
            slot.look_after()
        self._mend_slots()

    def settle_ended(self) -> None:
        """Settle the attempts that have ended; those whose store cannot be written now are settled later."""
        if time.monotonic() < self._settle_s:
            return
        asked = self._signals.ends > 0
        for slot in self.slots.running():
            if slot.attempt is None or slot.attempt.outcome is None or not slot.attempt.is_decided(worker_asked=asked):
                continue
            if self._is_settled(slot):
                slot.attempt = None
                self._idle_since_s = time.monotonic()
            self._context.notifier.watchdog()  # each may wait for a locked store

    def recover_orphans(self) -> None:
        """Recover the orphans of dead workers, now and then."""
        now_s = time.monotonic()
        if now_s < self._recover_s:
            return
        self._recover_s = now_s + self._context.rescan_s * random.uniform(0.6, 1.0)  # noqa: S311  # jitter
        try:
            recovered = self._context.queue.recover(self._context.owner)
        except (OSError, QueueError, StoreError) as error:
            self.intake.note_outage(str(error))
            return
        self._note_recovered(recovered)

    def take_jobs(self) -> None:
        """Claim jobs for the free slots; then check whether the worker itself is to end."""
        self.intake.look()
        while self.stopping.why is None and (slot := self.slots.free()) is not None:
            result = self.intake.take_job()
            self._note_recovered(result.recovered)
            if result.claim is None:
                break
            try:
                begun = self.runs.begin(slot, result.claim, self.settings)
            except (StoreError, OSError) as error:
                self.intake.note_outage(str(error))
                break
            if begun:
                self.reporting.note_claim()
            self._consider_ending()
        self._consider_ending()

    def report(self) -> None:
        """Report the worker's state when that is due; once all slots are up, report that it is ready."""
        if not self._is_ready and self.slots.are_up and self.stopping.why is None:
            self._is_ready = True
            self._idle_since_s = time.monotonic()
            logs.tell("worker is ready", slots=self.slots.count)
            self._context.notifier.ready(f"runs jobs of {self._context.queue.place}")
        self.reporting.heartbeat(self.slots, self.intake, self.stopping)

    def is_finished(self) -> bool:
        """Whether no more jobs are claimed, and none is running."""
        return self.stopping.why is not None and not self.slots.running()

    def wait(self) -> None:
        """Sleep until an event arrives, or something is due."""
        busy = bool(self.slots.running()) or self.stopping.why is not None
        dues = [
            TICK_S if busy else self._context.rescan_s,
            self._context.notifier.interval_s,
            self.intake.look_again_s,
            self.reporting.due_in_s,
        ]
        self._wake.sleep(min(due for due in dues if due is not None))

    def close(self) -> None:
        """Close the slots, including running jobs, and the reporting."""
        self._bell.close()
        self.slots.close()
        self.runs.close()
        self.reporting.close()

    # --- inside

    def _running_jobs(self) -> list[str] | None:
        """Keys of the running jobs; None, which no log shows, when there are none."""
        return [slot.attempt.claim.key for slot in self.slots.running() if slot.attempt is not None] or None

    def _note_recovered(self, rows: Sequence[JobRow]) -> None:
        for row in rows:
            logs.warn("an orphaned job was recovered", job=row.key, state=row.state, why=row.message)
        if rows:
            self.reporting.note_orphans(len(rows))
            self._context.queue.wake()

    def _mend_slots(self) -> None:
        try:
            self.slots.mend()
        except SlotLostError as error:
            if not self.stopping.slot_lost:
                logs.tell("a slot cannot be replaced", level=logs.ERROR, error=error)
            self.stopping.slot_lost = True
            self.stopping.begin("a slot cannot be replaced", None)

    def _is_settled(self, slot: Slot) -> bool:
        """Settle the attempt of a slot if it has ended; False when that has to be tried again."""
        attempt = slot.attempt
        if attempt is None or attempt.outcome is None:
            return False
        cause = attempt.outcome.cause
        try:
            row = self.runs.settle(slot)
        except Exception as error:  # noqa: BLE001  # one job must not stop the worker of the others
            if not is_settled_again(attempt.claim, error):
                self._note_unsettled(attempt, slot.number, error)
                return True
            logs.warn("the attempt cannot be settled yet", job=attempt.claim.key, slot=slot.number, why=error)
            self._settle_s = time.monotonic() + SETTLE_AGAIN_S
            if not isinstance(error, StoreBusyError):  # locked by another writer: nothing is broken
                self.intake.note_outage(str(error))
            return self._gives_up(attempt, slot.number)
        if cause is Cause.GIVEN_BACK:
            self.stopping.cut_short = True
        elif cause is Cause.OUTAGE:
            self.intake.note_outage(attempt.outcome.message)
        self.reporting.note_end(attempt, cause if row else Cause.LEASE_LOST, row)
        return True

    def _note_unsettled(self, attempt: Attempt, slot: int, error: Exception) -> None:
        event, job = "the attempt cannot be settled", attempt.claim.key
        if isinstance(error, StoreGoneError):
            logs.warn(event, job=job, slot=slot, why=error)
        else:
            logs.tell(event, level=logs.ERROR, job=job, error=repr(error))
        self.reporting.note_left()

    def _gives_up(self, attempt: Attempt, slot: int) -> bool:
        """Abandon an attempt that cannot be settled if the worker has to end; whether it was abandoned."""
        if not self.stopping.gives_up:
            return False
        attempt.claim.abandon()
        self.reporting.note_left()
        self.stopping.cut_short = True
        why = "its end could not be written; when it is recovered as an orphan, the attempt is not counted"
        logs.warn("the attempt is abandoned", job=attempt.claim.key, attempt=attempt.claim.attempt, slot=slot, why=why)
        return True

    def _consider_ending(self) -> None:
        """Begin the shutdown when a limit of the worker itself is reached."""
        if self.stopping.why is not None:
            return
        settings, idle = self.settings, not self.slots.running()
        idle_s = time.monotonic() - self._idle_since_s if idle else 0.0
        if settings.max_jobs is not None and self.intake.claimed >= settings.max_jobs:
            why = f"it has taken {settings.max_jobs} jobs (--max-jobs)"
        elif settings.max_idle is not None and self._is_ready and idle_s >= settings.max_idle:
            why = f"it had nothing to do for {settings.max_idle:g} s (--max-idle)"
        elif settings.drain and idle and self.intake.is_drained:
            why = self._drained()
        elif settings.max_rss is not None and self.reporting.rss_mb(self.slots.pids) >= settings.max_rss:
            why = f"it uses {settings.max_rss} MiB or more (--max-rss)"
        else:
            return
        logs.tell("no more jobs are taken", why=why)
        self.stopping.begin(why, None)

    def _drained(self) -> str:
        """Reason to end after --drain; logs the jobs that the last look at the queue skipped."""
        unusable = self.intake.unusable
        self.stopping.left = bool(unusable)
        for name, why in unusable.items():
            logs.warn("a skipped job is left in the queue", file=name, why=why)
        if unusable:
            return f"only skipped, unusable jobs are left in the queue: {len(unusable):,} (--drain)"
        return self.intake.why_drained

    def _reload(self) -> None:
        self._context.notifier.reloading()
        before = self.settings
        try:
            self.settings = self._load_settings()
        except InputError as error:
            logs.tell("the settings could not be reloaded and stay as they are", level=logs.ERROR, error=error)
        else:
            changed = [name for name, value in before if value != getattr(self.settings, name)]
            logs.tell("the settings were reloaded", changed=changed or "nothing")
            self.intake.settings = self.settings
            self.reporting.settings_changed(self.settings)
            self._resize(self.settings.slots)
        self._is_ready = False

    def _resize(self, count: int) -> None:
        self.slots.count = count
        self._mend_slots()
