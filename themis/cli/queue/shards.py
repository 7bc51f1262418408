"""Commands about a run in several jobs: what is done with all of them, when TARGET names no single one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from themis.cli.terminal.output import say
from themis.cli.views.run_facts import say_shards
from themis.core.errors import JobStateError
from themis.core.stores.shards.rows import run_part, state_of

if TYPE_CHECKING:
    from themis.core.monitor.targets import Match
    from themis.core.queue.admin.administration import JobProblem
    from themis.core.queue.admin.job_commands import Edit
    from themis.core.queue.port import Queue
    from themis.core.stores.job_rows import JobRow

_SENT_BACK = frozenset({"failed", "cancelled"})


def cancelled(queue: "Queue", named: "Sequence[tuple[JobRow, Match]]") -> "list[JobRow | JobProblem]":
    """Cancel the jobs of a run; those that run last, since their workers take the next ones."""
    rows = sorted((row for row, _ in named), key=lambda row: row.state == "running")
    return list(queue.admin.cancel_each([row.key for row in rows]))


def retried(
    queue: "Queue", named: "Sequence[tuple[JobRow, Match]]", edit: "Edit | None"
) -> "list[JobRow | JobProblem]":
    """Queue the failed and cancelled jobs of a run again, and those that have failed cases.

    Raises:
        JobStateError: none failed or was cancelled.
    """
    rows = [row for row, _ in named if row.state in _SENT_BACK]
    if not rows:
        raise _nothing(named, "no shard failed or was cancelled, and only such can be retried")
    return retried_with_failed_cases(queue, rows, named, edit)


def retried_with_failed_cases(
    queue: "Queue", rows: "Sequence[JobRow]", named: "Sequence[tuple[JobRow, Match]]", edit: "Edit | None"
) -> "list[JobRow | JobProblem]":
    """Queue jobs again, and of their runs, all of whose jobs are `named`, the shards that are done with failed cases.

    So all failed cases are tried again, as in a run in one job.
    """
    runs = {run_part(row.key) for row in rows}
    failed = {shard.shard.key for _, match in named for shard in match.jobs.shards if shard.shard.failed}
    done = [row.key for row, _ in named if row.state == "done" and row.key in failed and run_part(row.key) in runs]
    found = list(queue.admin.retry_each([row.key for row in rows], edit=edit))
    return found + _each(list(dict.fromkeys(done)), lambda key: queue.admin.rerun(key, edit=edit))


def states_of_runs(rows: "Iterable[JobRow]") -> list[str]:
    """The state of each run that has some of these jobs."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(run_part(row.key), set()).add(row.state)
    return [state_of(states) for states in found.values()]


def rescheduled(
    queue: "Queue", named: "Sequence[tuple[JobRow, Match]]", priority: int | None, not_before_ns: int | None
) -> "list[JobRow | JobProblem]":
    """Change the priority, or the time, of the queued jobs of a run.

    Raises:
        JobStateError: there are none.
    """
    keys = [row.key for row, _ in named if row.state == "queued"]
    if not keys:
        raise _nothing(named, "no shard is queued, and only such can be given another priority or time")
    return _each(keys, lambda key: queue.admin.reschedule(key, priority=priority, not_before_ns=not_before_ns))


def show(named: "Sequence[tuple[JobRow, Match]]") -> None:
    """Print the shards of a run, one line each."""
    match = named[0][1]
    say(f"{match.run.name or match.run.run_id} is in {len(match.jobs.shards)} shards")
    say()
    say_shards(match.jobs.shards)


def documents(named: "Sequence[tuple[JobRow, Match]]") -> "Iterator[dict[str, object]]":
    """The shards of a run as JSON."""
    return (shard.document() for shard in named[0][1].jobs.shards)


def _each(keys: Sequence[str], ask: "Callable[[str], JobRow]") -> "list[JobRow | JobProblem]":
    from themis.core.queue.admin.administration import each_of

    return list(each_of(keys, ask))


def _nothing(named: "Sequence[tuple[JobRow, Match]]", detail: str) -> JobStateError:
    state = state_of({row.state for row, _ in named})
    return JobStateError(key=run_part(named[0][0].key), state=state, detail=detail)
