"""Last words of a worker: what it waits for when it is to end, and at its end what it did."""

from collections.abc import Mapping

from themis.core.queue import Cause, JobState
from themis.core.stores.job_rows import JobRow
from themis.core.text.counts import counted

COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
GIVEN_BACK, AGAIN, LOST, LEFT = "given back", "to be tried again", "taken over", "left to be recovered"
_ORDER = (COMPLETED, FAILED, CANCELLED, AGAIN, GIVEN_BACK, LOST, LEFT)
_OF_STATE: dict[str, str] = {JobState.DONE: COMPLETED, JobState.FAILED: FAILED, JobState.CANCELLED: CANCELLED}


def on_first_signal(running: int, grace_s: float, signal: str) -> str:
    """Return what is said at the first signal to end.

    Args:
        running: number of running jobs.
        grace_s: seconds that they have to end.
        signal: the signal, as people know it.
    """
    if not running:
        return "stopping: no job is running"
    again = "press Ctrl-C again to stop now" if signal == "Ctrl-C" else f"a second {signal} stops now"
    return f"stopping: waiting up to {grace_s:g} s for {counted(running, 'running job')}; {again}"


def on_second_signal(running: int) -> str:
    """Return what is said at the second signal."""
    if not running:
        return "stopping now"
    return f"stopping now: {counted(running, 'running job')} {'is' if running == 1 else 'are'} killed and given back"


def on_stop_request(running: int) -> str:
    """Return what is said when `themis worker stop` asks to end."""
    waits = f"waiting for {counted(running, 'running job')} to end" if running else "no job is running"
    return f"stopping, as `themis worker stop` asked: {waits}"


def word_of(cause: Cause, row: JobRow | None) -> str:
    """Return in a word what an ended attempt came to; `row` is its job's new row, None when the claim was lost."""
    if row is None:
        return LOST
    if cause is Cause.GIVEN_BACK:
        return GIVEN_BACK
    return _OF_STATE.get(row.state, AGAIN)


def what_came_of(counts: Mapping[str, int]) -> str:
    """Return the number of jobs that a worker ran, and what they came to, by the words of `word_of`.

    A job that was tried again counts each time.
    """
    total = sum(counts.values())
    if not total:
        return "no jobs"
    return f"{counted(total, 'job')}: {', '.join(f'{counts[word]:,} {word}' for word in _ORDER if counts.get(word))}"
