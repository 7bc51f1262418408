"""A worker: its slots, its queue, and each thing that it does in its loop, decided by one thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from themis.core.errors import ClaimLostError, InputError, QueueError, SlotLostError, StoreError
from themis.core.queue import Cause, Claim, FileQueue, manifest_file
from themis.core.store_cache import StoreCache
from themis.core.stores.job_rows import Owner
from workers.attempt import Attempt
from workers.exits import Stop
from workers.intake import Intake
from workers.memory import CgroupFolder, MemoryLimit, WatchedLimit
from workers.reporting import Reporting
from workers.settings import WorkerSettings
from workers.signals import Signals
from workers.slot import Order, Slot
from workers.slots import Slots
from workers.stopping import ExitCode, Stopping
from workers.telemetry import logs
from workers.telemetry.systemd import Notifier
from workers.wake import Wake

RECOVER_S = 1.0
"""Seconds between looks for jobs that dead workers left."""

TICK_S = 0.25
"""Seconds between looks at what runs, and at what nobody tells of: a limit that is passed, a request to stop."""

SETTLE_AGAIN_S = 1.0
"""Seconds until a job is settled again whose store could not be written."""

_MIB = 1_048_576
_NO_GRACE_S = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker is.

    Attributes:
        queue: to take jobs from.
        stores: that opened the queue's stores.
        owner: this process, under the worker's name.
        cgroups: where the kernel can be made to hold memory limits, if anywhere.
        notifier: speaks to systemd, where that started this process.
    """

    queue: FileQueue
    stores: StoreCache
    owner: Owner
    cgroups: CgroupFolder | None
    notifier: Notifier


class Worker:
    """Everything that a worker has; see `loop` for what it does with it."""

    def __init__(
        self,
        place: Place,
        load_settings: Callable[[], WorkerSettings],
        wake: Wake,
        signals: Signals,
    ) -> None:
        """A worker in its place; its keepers are on their way when this returns.

        Args:
            place: where it is, and what it works on.
            load_settings: gives the settings, now and whenever they are to be read again.
            wake: what it sleeps in.
            signals: what it is told.

        Raises:
            ConfigError: the settings cannot be used.
            WorkerNameError: the owner's name is none, or taken.
        """
        self.settings = load_settings()
        self.stopping = Stopping()
        self.reporting = Reporting(place.queue.path, place.owner, self.settings, place.notifier)
        self.slots = Slots(wake, self.settings.isolation, self._note_process)
        self.intake = Intake(place.queue, place.stores, place.owner, self.settings)
        self._place = place
        self._queue = place.queue
        self._load_settings = load_settings
        self._wake = wake
        self._signals = signals
        self._recover_s = self._settle_s = 0.0
        self._idle_since_s = time.monotonic()
        self._resize(self.settings.slots)

    @property
    def exit_code(self) -> ExitCode:
        """What it ends with."""
        return self.stopping.exit_code

    def heed_requests(self) -> None:
        """Do what signals and files ask for."""
        if self._signals.reload:
            self._signals.reload = False
            self._reload()
        if self._signals.ends and self.stopping.left_s is None:
            self.stopping.begin("asked to end by a signal", self.settings.grace)
            logs.tell("asked to end: no more jobs are taken", grace_s=self.settings.grace)
            self._place.notifier.stopping()
        if self._signals.ends > 1 and not self.stopping.forced:
            logs.warn("asked to end at once: what runs is stopped and given back")
            self.stopping.force()
        if self.stopping.why is None and self.reporting.stop_requested:
            self.stopping.begin("asked to end by `themis worker stop`", None)
            logs.tell("asked to end: no more jobs are taken; what runs may end")

    def look_after_runs(self) -> None:
        """Stop what is over a limit, cancelled, lost or in the way; replace lost slots."""
        for slot in self.slots.running():
            self._look_after(slot)
        for slot in self.slots:
            slot.look_after()
        try:
            self.slots.mend()
        except SlotLostError as error:
            if not self.stopping.slot_lost:
                logs.tell("a slot cannot be replaced", level=logs.ERROR, error=error)
            self.stopping.slot_lost = True
            self.stopping.begin("a slot cannot be replaced", None)

    def settle_ended(self) -> None:
        """Settle the attempts that have ended; one whose store cannot be written now is settled later."""
        if time.monotonic() < self._settle_s:
            return
        for slot in self.slots.running():
            attempt = slot.attempt
            if attempt is not None and attempt.outcome is not None and self._settled(slot, attempt):
                slot.attempt = None
                self._idle_since_s = time.monotonic()

    def recover_orphans(self) -> None:
        """Put right what dead workers left, now and then."""
        now_s = time.monotonic()
        if now_s < self._recover_s:
            return
        self._recover_s = now_s + RECOVER_S
        try:
            recovered = self._queue.recover(self._place.owner)
        except (OSError, QueueError, StoreError) as error:
            logs.warn("orphans cannot be looked for", error=error)
            return
        for row in recovered:
            logs.warn("a job in nobody's hands was put right", job=row.key, state=row.state, why=row.message)
        if recovered:
            self.reporting.note_orphans(len(recovered))
            self._queue.wake()

    def take_jobs(self) -> None:
        """Claim jobs for the free slots; then see whether the worker's own time has come."""
        while self.stopping.why is None and (slot := self.slots.free()) is not None:
            claim = self.intake.claim()
            if claim is None:
                break
            self._begin(slot, claim)
            self._consider_ending()
        self._consider_ending()

    def report(self) -> None:
        """Say how it goes, when it is time to."""
        self.reporting.heartbeat(self.slots, self.intake, self.stopping)

    def is_finished(self) -> bool:
        """Whether it takes no more jobs, and has none."""
        return self.stopping.why is not None and not self.slots.running()

    def wait(self) -> None:
        """Sleep until something happens, or something is due."""
        busy = bool(self.slots.running()) or self.stopping.why is not None
        self._wake.sleep(TICK_S if busy else RECOVER_S)

    def close(self) -> None:
        """End the slots, and whatever is in them."""
        self.slots.close()
        self.reporting.close()

    # --- inside

    def _begin(self, slot: Slot, claim: Claim) -> None:
        limits = claim.manifest.limits
        order = Order(
            manifest=manifest_file.encode(claim.manifest).decode(),
            log=self._queue.log_path(claim.key, claim.attempt),
            log_limit_bytes=self.settings.log_limit_mb * _MIB,
            allow_modules=self.settings.allow_modules,
            device=self.settings.devices[slot.number] if self.settings.devices else None,
        )
        memory = None if limits.memory_limit_mb is None else self._memory_limit(slot, limits.memory_limit_mb)
        slot.run(Attempt(claim, memory), order)
        self.reporting.note_claim()
        logs.tell("attempt begins", job=claim.key, attempt=claim.attempt, slot=slot.number)

    def _memory_limit(self, slot: Slot, limit_mb: int) -> MemoryLimit:
        cgroups, worker = self._place.cgroups, self._place.owner.worker
        if cgroups is not None:
            try:
                return cgroups.limit(f"themis-{worker}-{slot.number}", limit_mb)
            except OSError as error:
                logs.warn("no cgroup could be made: memory is watched instead", error=error.strerror)
        return WatchedLimit(limit_mb)

    def _look_after(self, slot: Slot) -> None:
        attempt = slot.attempt
        if attempt is None or attempt.outcome is not None:
            return
        grace_s = self.settings.job_grace
        if attempt.is_over_time:
            slot.stop(Stop.TIME_LIMIT, grace_s)
        elif self._is_over_memory(slot, attempt):
            slot.stop(Stop.MEMORY_LIMIT, _NO_GRACE_S)
        elif attempt.stop is None and self._queue.is_cancel_requested(attempt.claim):
            slot.stop(Stop.CANCELLED, grace_s)
        if self.stopping.is_over:
            slot.stop(Stop.GIVEN_BACK, _NO_GRACE_S if self.stopping.forced else grace_s)

    def _is_over_memory(self, slot: Slot, attempt: Attempt) -> bool:
        return attempt.memory is not None and slot.keeper is not None and attempt.memory.is_exceeded(slot.keeper)

    def _settled(self, slot: Slot, attempt: Attempt) -> bool:
        """Whether the attempt's claim is over."""
        outcome = attempt.outcome
        if outcome is None:
            return False
        try:
            row = self._queue.settle(attempt.claim, outcome)
        except ClaimLostError as error:
            logs.warn("the attempt is fenced off", job=attempt.claim.key, slot=slot.number, why=error)
            self.reporting.note_end(attempt, Cause.LEASE_LOST, None, self._place.stores)
            return True
        except (StoreError, OSError) as error:
            logs.warn("the attempt cannot be settled yet", job=attempt.claim.key, slot=slot.number, why=error)
            self._settle_s = time.monotonic() + SETTLE_AGAIN_S
            self.intake.note_outage(str(error))
            if self.stopping.is_over:
                self._queue.abandon(attempt.claim)
            return self.stopping.is_over
        if outcome.cause is Cause.GIVEN_BACK:
            self.stopping.cut_short = True
        elif outcome.cause is Cause.OUTAGE:
            self.intake.note_outage(outcome.message)
        self.reporting.note_end(attempt, outcome.cause, row, self._place.stores)
        say = logs.tell if outcome.cause is Cause.DONE else logs.warn
        say(
            "attempt ended",
            job=row.key,
            attempt=row.attempt,
            slot=slot.number,
            state=row.state,
            cause=outcome.cause,
            why=outcome.message or None,
        )
        return True

    def _note_process(self, attempt: Attempt) -> None:
        """Keep in the job's row which process runs it: whoever recovers the job kills that first."""
        if attempt.pid is None:
            return
        try:
            self._queue.note_process(attempt.claim, attempt.pid)
        except ClaimLostError:
            pass  # the run finds out by itself
        except StoreError as error:
            logs.warn("the attempt's process could not be noted", job=attempt.claim.key, error=error)

    def _consider_ending(self) -> None:
        """Begin to end when a limit of the worker's own life is reached."""
        if self.stopping.why is not None:
            return
        settings, idle = self.settings, not self.slots.running()
        idle_s = time.monotonic() - self._idle_since_s if idle else 0.0
        if settings.max_jobs is not None and self.intake.claimed >= settings.max_jobs:
            why = f"it has taken {settings.max_jobs} jobs (--max-jobs)"
        elif settings.max_idle is not None and idle_s >= settings.max_idle:
            why = f"it had nothing to do for {settings.max_idle:g} s (--max-idle)"
        elif settings.drain and idle and self.intake.is_drained:
            why = "nothing is left in the queue (--drain)"
        elif settings.max_rss is not None and self.reporting.rss_mb(self.slots.pids) >= settings.max_rss:
            why = f"it uses {settings.max_rss} MiB and more (--max-rss)"
        else:
            return
        logs.tell("no more jobs are taken", why=why)
        self.stopping.begin(why, None)

    def _reload(self) -> None:
        self._place.notifier.reloading()
        try:
            self.settings = self._load_settings()
        except InputError as error:
            logs.tell("the settings stay as they are", level=logs.ERROR, error=error)
        else:
            logs.tell("the settings were read again")
            self.intake.settings = self.settings
            self.reporting.settings_changed(self.settings)
            self._resize(self.settings.slots)
        self._place.notifier.ready(self._queue.path.name)

    def _resize(self, count: int) -> None:
        try:
            self.slots.resize(count)
        except SlotLostError:
            self.look_after_runs()  # which says so
