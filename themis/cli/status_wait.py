"""`themis status --wait`: waiting until runs have ended."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from themis.cli import errors
from themis.cli.terminal.output import note
from themis.cli.terminal.progress import shown
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from themis.core.monitor.runs import RunNow, StoredRuns
    from themis.core.queue.model.queue_place import Place
    from themis.core.stores.job_rows import JobRow

LOOK_EVERY_S = 0.5
_LONGEST_PAUSE_S = 10.0
_LOOKING_SHARE = 0.1  # the maximum share of the time for reading, for any number of runs
BAD_ENDS = frozenset({"failed", "cancelled"})
UNFINISHED = frozenset({"queued", "waiting", "pending", "running"})


@dataclass(slots=True)
class Waited:
    """Progress of the runs or cases that are awaited; `failed` is a part of `done`."""

    total: int = 0
    done: int = 0
    failed: int = 0
    resumed: int = 0


def wait_for_run(look: "Callable[[], list[RunNow]]", timeout_s: float | None) -> int:
    """Wait until a run has ended in every store that has it, and return the exit code.

    Args:
        look: reads the run's rows.
        timeout_s: seconds to wait at most; None for no limit.
    """
    states: set[str] = set()

    def all_ended(progress: Waited) -> bool:
        rows = look()
        states.clear()
        states.update(row.state for row in rows)
        progress.total = sum(row.total for row in rows)
        progress.done = sum(row.done for row in rows)
        progress.failed = sum(row.failed for row in rows)
        return not states & UNFINISHED

    if not wait_until(all_ended, timeout_s, unit="cases"):
        note(f"the run has not ended within {timeout_s:g} s")
        return errors.TIMED_OUT
    return errors.BAD_NEWS if states & BAD_ENDS else 0


def wait_for_queue(queue_root: "Place", stores: "Sequence[StoredRuns]", timeout_s: float | None) -> int:
    """Wait until every job of a queue that is unfinished now has ended, and return the exit code."""
    from themis.core.monitor.runs import unfinished_jobs

    looks = [partial(reader.job, key) for reader, key in unfinished_jobs(queue_root, stores)]
    return wait_for_each(looks, timeout_s)


def wait_for_each(
    looks: "Sequence[Callable[[], RunNow | JobRow | None]]", timeout_s: float | None, whose: str = ""
) -> int:
    """Wait until each of several runs has ended, and return the exit code.

    Args:
        looks: a function for each, which returns it as it is now; None where it is gone.
        timeout_s: seconds to wait at most; None for ever.
        whose: what they are runs of, as the end of `3 of 8 runs`.
    """
    left, total, failed = list(looks), len(looks), 0

    def all_ended(progress: Waited) -> bool:
        nonlocal left, failed
        seen = [(look, look()) for look in left]
        left = [look for look, run in seen if run is not None and run.state in UNFINISHED]
        failed += sum(run is not None and run.state in BAD_ENDS for _, run in seen)
        progress.total, progress.done, progress.failed = total, total - len(left), failed
        return not left

    if not wait_until(all_ended, timeout_s, unit="runs"):
        note(f"{len(left):,} of {counted(total, 'run')}{whose} have not ended within {timeout_s:g} s")
        return errors.TIMED_OUT
    return errors.BAD_NEWS if failed else 0


def wait_until(all_ended: Callable[[Waited], bool], timeout_s: float | None, *, unit: str) -> bool:
    """Read repeatedly until all have ended; False when that takes longer than `timeout_s`."""
    progress = Waited()
    until_s = None if timeout_s is None else time.monotonic() + timeout_s
    began_s = time.monotonic()
    if all_ended(progress):
        return True
    progress.resumed = progress.done
    with shown(progress, quiet=False, unit=unit):
        while until_s is None or time.monotonic() < until_s:
            pause_s = min(max(LOOK_EVERY_S, (time.monotonic() - began_s) / _LOOKING_SHARE), _LONGEST_PAUSE_S)
            time.sleep(pause_s if until_s is None else max(min(pause_s, until_s - time.monotonic()), 0.0))
            began_s = time.monotonic()
            if all_ended(progress):
                return True
    return False
