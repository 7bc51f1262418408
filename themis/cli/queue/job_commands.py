"""`themis queue cancel`, `retry`, `set`, `pause` and `resume`: the job commands, and the pause of a queue."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from themis.cli.command import QueuePlace, command, queue_place
from themis.cli.offers import values
from themis.cli.queue import shards
from themis.cli.queue.changed import show_job, show_jobs, show_paused, show_place, show_resumed
from themis.cli.targets import jobs_named_by, jobs_of_one_run, note_left_out, opened_queue
from themis.cli.terminal.output import is_for_people, json_form_option, note
from themis.cli.terminal.time_options import When, nanoseconds
from themis.core.errors import UnknownJobError
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from themis.core.queue.admin.administration import JobProblem
    from themis.core.queue.admin.job_commands import Edit
    from themis.core.queue.port import Queue
    from themis.core.stores.job_rows import JobRow

_UNFINISHED = ("queued", "running")
_SENT_BACK = ("failed", "cancelled")
_ANY_NUMBER = 2**40

_matching_option = click.option("--all-matching", is_flag=True, help="Every job that a TARGET names, not only one.")


@command("cancel", "themis queue cancel 4f1c", "themis queue cancel --all --state queued --yes")
@click.argument("keys", nargs=-1, metavar="[TARGET]...", shell_complete=values.jobs)
@queue_place
@click.option("--all", "everything", is_flag=True, help="Every job that has not ended.")
@_matching_option
@click.option("--state", type=click.Choice(_UNFINISHED), help="With --all or --all-matching: only those of one state.")
@click.option("--yes", "-y", is_flag=True, help="With --all: do not ask.")
@json_form_option
def cancel(
    *,
    keys: Sequence[str],
    place: QueuePlace,
    everything: bool,
    all_matching: bool,
    state: str | None,
    yes: bool,
) -> int:
    """Cancel jobs. A running job is asked to stop, which takes a second; finished cases are kept.

    group:NAME as TARGET stands for all jobs of a group.

    Batches that a job has with a provider are cancelled there too, if the provider can be asked from here.
    """
    _refuse_unclear(keys, everything=everything, flag="--all", all_matching=all_matching)
    if state and not (everything or all_matching):
        message = "--state needs --all or --all-matching"
        raise click.UsageError(message, click.get_current_context())
    with opened_queue(*place) as opened:
        if _is_one(keys, all_matching=all_matching):
            named = jobs_of_one_run(opened, keys[0])
            if len(named) > 1:
                return _say_cancelled(shards.cancelled(opened, named))
            row = opened.admin.cancel(named[0][0].key if named else keys[0])
            show_job(row)
            _explain(row)
            _cancel_batches(opened, [row])
            return 0
        left_out = note_left_out(opened) if everything or all_matching else 0
        rows = _chosen(opened, keys, (state,) if state else _UNFINISHED, everything=everything, matching=all_matching)
        if everything and not yes and sys.stdin.isatty() and rows and not _confirmed(rows):
            rows = []
        rows.sort(key=lambda row: row.state == "running")  # running jobs last, since their workers take the next ones
        found = list(opened.admin.cancel_each([row.key for row in rows]))
        _cancel_batches(opened, list(_jobs(found)))
    return _say_cancelled(found, of_runs=_is_of_groups(keys)) or left_out


def _say_cancelled(found: "Sequence[JobRow | JobProblem]", *, of_runs: bool = False) -> int:
    ended = shards.states_of_runs(_jobs(found)) if of_runs else [row.state for row in _jobs(found)]
    asked = ended.count("running")
    note(f"{ended.count('cancelled'):,} cancelled, {asked:,} asked to stop, {_others(ended)} had ended before")
    return _report(found)


@command(
    "retry",
    "themis queue retry 4f1c",
    "themis queue retry --all-failed",
    "themis queue retry 4f1c --set runtime.budget.usd=20",
)
@click.argument("keys", nargs=-1, metavar="[TARGET]...", shell_complete=values.jobs)
@queue_place
@click.option("--all-failed", is_flag=True, help="Every job that failed.")
@_matching_option
@json_form_option
def retry(
    *,
    keys: Sequence[str],
    place: QueuePlace,
    all_failed: bool,
    all_matching: bool,
) -> int:
    """Queue failed or cancelled jobs again; each keeps its finished cases, and gets all its tries again.

    group:NAME as TARGET stands for all jobs of a group.

    Here --set changes the settings of the jobs under `runtime`, such as a budget that was used up.
    """
    _refuse_unclear(keys, everything=all_failed, flag="--all-failed", all_matching=all_matching)
    edit = _edit_of(place.overrides)
    with opened_queue(place.queue_root, place.config, ()) as opened:
        if _is_one(keys, all_matching=all_matching):
            named = jobs_of_one_run(opened, keys[0])
            if len(named) > 1:
                return _report(shards.retried(opened, named, edit))
            show_job(opened.admin.retry(named[0][0].key if named else keys[0], edit=edit))
            return 0
        states, by_runs = ("failed",) if all_failed else _SENT_BACK, _is_of_groups(keys)
        left_out = note_left_out(opened) if all_failed or all_matching else 0
        rows = _chosen(opened, keys, states, everything=all_failed, matching=all_matching)
        named = [one for key in keys for one in jobs_named_by(opened, key, most=_ANY_NUMBER)] if by_runs else []
        found = shards.retried_with_failed_cases(opened, rows, named, edit)
    count = len(shards.states_of_runs(_jobs(found)) if by_runs else list(_jobs(found)))
    note(f"queued again: {count:,}")
    return _report(found) or left_out


@command("set", "themis queue set 4f1c --priority 0", "themis queue set 4f1c --not-before 2h")
@click.argument("target", required=False, shell_complete=values.jobs)
@queue_place
@click.option("--priority", type=click.IntRange(0, 9), help="0 is first, 9 last.")
@click.option(
    "--not-before",
    type=When(),
    metavar="TIME",
    help="The earliest start: a time, or a delay like 10m; `now` ends its waiting.",
)
@json_form_option
def set_place(
    *,
    target: str | None,
    place: QueuePlace,
    priority: int | None,
    not_before: datetime | None,
) -> int:
    """Change the priority of a queued job, or the time before which it is not taken."""
    if priority is None and not_before is None:
        message = "give --priority, --not-before or both"
        raise click.UsageError(message, click.get_current_context())
    not_before_ns = None if not_before is None else max(nanoseconds(not_before), 0)
    with opened_queue(*place) as opened:
        named = jobs_of_one_run(opened, target, place.config, place.overrides)
        if len(named) > 1:
            return _report(shards.rescheduled(opened, named, priority, not_before_ns))
        key = named[0][0].key if named else target or str(place.config)
        row = opened.admin.reschedule(key, priority=priority, not_before_ns=not_before_ns)
    show_place(row)
    return 0


@command("pause", 'themis queue pause --reason "the endpoint is down"')
@queue_place
@click.option("--reason", metavar="TEXT", help="The reason, shown with the state of the queue.")
@json_form_option
def pause(*, place: QueuePlace, reason: str | None) -> None:
    """Stop workers from taking jobs until `themis queue resume`. Running jobs continue, and jobs can be submitted."""
    from themis.core.monitor.reasons import pause_text

    with opened_queue(*place) as opened:
        before = opened.paused
        made = opened.admin.pause(reason)
    show_paused(made, place)
    if before is not None:
        note(f"it was paused before: {pause_text(before)}")


@command("resume", "themis queue resume")
@queue_place
@json_form_option
def resume(*, place: QueuePlace) -> None:
    """Let workers take jobs again after `themis queue pause`."""
    with opened_queue(*place) as opened:
        was_paused = opened.admin.resume()
    show_resumed(was_paused=was_paused)
    if not was_paused and not is_for_people():
        note("it was not paused")


def _edit_of(overrides: Sequence[str]) -> "Edit | None":
    """The change of a job's manifest that `--set` asks for; None for none."""
    if not overrides:
        return None
    from themis.core.jobs.job_edits import refuse_other_keys, with_overrides

    refuse_other_keys(overrides)
    return lambda manifest: with_overrides(manifest, overrides)


def _refuse_unclear(keys: Sequence[str], *, everything: bool, flag: str, all_matching: bool) -> None:
    if bool(keys) == everything or (everything and all_matching):
        message = f"give either TARGETs or {flag}"
        raise click.UsageError(message, click.get_current_context())


def _is_one(keys: Sequence[str], *, all_matching: bool) -> bool:
    """Whether a command is about one job, which must be there, and not about those of a group."""
    from themis.core.monitor.targets import group_named

    return len(keys) == 1 and not all_matching and group_named(keys[0]) is None


def _is_of_groups(keys: Sequence[str]) -> bool:
    """Whether a command is about groups alone: it counts their runs, each of which may be several jobs."""
    from themis.core.monitor.targets import group_named

    return bool(keys) and all(group_named(key) is not None for key in keys)


def _chosen(
    queue: "Queue", keys: Sequence[str], states: Sequence[str], *, everything: bool, matching: bool
) -> "list[JobRow]":
    """The jobs that the command names, each once; all of them are found before anything is changed."""
    if everything:
        return queue.admin.select(states=states)
    from themis.core.monitor.targets import group_named

    found: dict[str, JobRow] = {}
    grouped = {key for key in keys if group_named(key) is not None}
    rows = queue.admin.select(states=states) if matching or grouped else []
    for key in keys:
        if matching or key in grouped:
            named = {job.key for job, _ in jobs_named_by(queue, key, most=_ANY_NUMBER)}
            meant = [row for row in rows if row.key in named]
        else:
            meant = _of_run(queue, key, states)
        if not meant and key not in grouped:  # a group of which nothing is left to do is no mistake
            raise UnknownJobError(key=key)
        found.update({row.key: row for row in meant})
    return list(found.values())


def _of_run(queue: "Queue", key: str, states: Sequence[str]) -> "list[JobRow]":
    """The job that a text names; of a run in several shards those in one of `states`."""
    named = jobs_of_one_run(queue, key)
    if len(named) > 1:
        return [row for row, _ in named if row.state in states]
    return [queue.admin.find(named[0][0].key if named else key)]


def _confirmed(rows: "Sequence[JobRow]") -> bool:
    running = sum(row.state == "running" for row in rows)
    return click.confirm(f"Cancel {counted(len(rows), 'job')}, {running:,} of them running?", err=True)


def _explain(row: "JobRow") -> None:
    if row.state == "running":
        note("it is running, and was asked to stop; its worker ends it within a second")
    elif row.state != "cancelled":
        note(f"nothing was cancelled: it had ended before, and is {row.state}")


def _cancel_batches(queue: "Queue", rows: "Sequence[JobRow]") -> None:
    """Cancel the batches of cancelled jobs, of which only one that was tried can have any."""
    from themis.core.jobs.job_batches import cancel_batches_of

    for text in cancel_batches_of(queue, [row for row in rows if row.attempt]):
        note(text)


def _jobs(found: "Iterable[JobRow | JobProblem]") -> "Iterable[JobRow]":
    from themis.core.queue.admin.administration import JobProblem

    return (row for row in found if not isinstance(row, JobProblem))


def _others(states: Sequence[str]) -> str:
    return f"{sum(state not in {'cancelled', 'running'} for state in states):,}"


def _report(found: "Sequence[JobRow | JobProblem]") -> int:
    """Print the results for many jobs; the exit code is that of the first problem, else 0."""
    from themis.core.queue.admin.administration import JobProblem

    problems = [row for row in found if isinstance(row, JobProblem)]
    for problem in problems:
        note(f"error: {problem.error}")
    show_jobs(found)
    return problems[0].error.exit_code if problems else 0
