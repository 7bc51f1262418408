"""A job that a worker has run, in a line for people."""

from contextlib import suppress

from themis.core.monitor.runs import RunNow, run_now
from themis.core.queue import JobState
from themis.core.statistics.score_tally import number
from themis.core.stores.job_rows import JobRow
from themis.core.stores.reading import StoreLocation
from themis.core.text.lines import cut
from themis.core.values.durations import how_long, local_time

_KEY_CHARACTERS = 8
_PATIENCE_S = 0.5
_BUILT_IN = "builtin/"


def line_of(row: JobRow, location: StoreLocation, took_s: float) -> list[str]:
    """Return the parts of the line about a job whose attempt has just ended.

    They are its state, its cases and scores, its name, its time, and what went wrong.

    Args:
        row: the job, as it is now.
        location: of the store that has its run; one that cannot be read at once leaves out name, cases and scores.
        took_s: seconds that the attempt took.
    """
    is_waiting = row.state == JobState.QUEUED and row.ready_ns is not None
    state = "waiting" if is_waiting else str(row.state)
    run: RunNow | None = None
    # A store that cannot be read now has them anyway.
    with suppress(Exception):
        run = run_now(location, row.run_id, patience_s=_PATIENCE_S)
    parts = [] if run is None else _run_parts(run)
    title = f"run {row.run_id[:_KEY_CHARACTERS]}, job {row.key[:_KEY_CHARACTERS]}"
    parts.append(f"({run.name}, {title})" if run is not None and run.name else f"({title})")
    parts.append(f"took {how_long(took_s)}")
    if row.state != JobState.DONE:
        parts.append(_why(row))
    if is_waiting:
        parts.append(f"tries again at {local_time(row.ready_ns)}")
    return [state, *filter(None, parts)]


def _run_parts(run: RunNow) -> list[str]:
    found = [f"{run.done:,}/{run.total:,} cases"]
    if run.failed:
        found.append(f"{run.failed:,} failed")
    means = ((name.removeprefix(_BUILT_IN), metric.mean) for name, metric in run.metrics.items())
    return found + [f"{name} {number(mean)}" for name, mean in means]


def _why(row: JobRow) -> str:
    cause, message = row.cause or "", cut(row.message or "")
    return message if cause and message.startswith(cause) else ": ".join(filter(None, (cause, message)))
