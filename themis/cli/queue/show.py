"""`themis queue show`: one job, and the reasons for its state."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.offers import values
from themis.cli.queue import shards
from themis.cli.targets import jobs_of_one_run, opened_queue
from themis.cli.terminal.output import emit, how_long, local_time, say
from themis.cli.terminal.prose import say_facts
from themis.cli.views.run_facts import say_attempts
from themis.core.outcomes.failure_groups import shown_reasons
from themis.core.queue.model import predecessors
from themis.core.queue.model.case_losses import CaseLosses
from themis.core.queue.model.predecessors import listed

if TYPE_CHECKING:
    from themis.core.monitor.jobs import JobNow
    from themis.core.monitor.targets import Match
    from themis.core.queue.admin.details import JobDetails
    from themis.core.queue.folder.worker_report import SlotReport
    from themis.core.queue.model.queue_place import Place
    from themis.core.stores.job_rows import AttemptRow, JobRow

_BATCH = "batch"
"""The cause of an attempt that only looked at a batch of a provider."""


@command("show", "themis queue show 4f1c", "themis queue show gpt-5.4-mini-on-gsm8k")
@click.argument("target", required=False, shell_complete=values.jobs)
@queue_options
@json_option
def show(
    *, target: str | None, queue_root: "Place | None", config: Path | None, overrides: Sequence[str], as_json: bool
) -> None:
    """Show one job: its state, its attempts, and why it is not running; of a run in shards, all of them.

    TARGET is the name of its run, or the beginning of its key or of its run's id; without it, --config names the run.
    """
    from themis.core.monitor.jobs import job_now

    with opened_queue(queue_root, config, overrides, read_only=True) as queue:
        named = jobs_of_one_run(queue, target, config, overrides)
        job = None if len(named) > 1 else job_now(queue, named[0][0].key if named else target or str(config))
    if job is None:
        _show_shards(named, as_json=as_json)
    elif as_json:
        emit(job.document())
    else:
        _say_job(job)


def _say_job(job: "JobNow") -> None:
    details = job.details
    say_facts([*_facts(job), *_calls(job.slot)])
    if details.attempts:
        told = list(_told(details.attempts))
        ends = [
            (
                attempt.cause or ("running" if details.alive else "lost"),
                f"{attempt.message} (look {looks + 1:,})" if looks else attempt.message or None,
            )
            for attempt, looks in told
        ]
        say()
        say_attempts([attempt for attempt, _ in told], ends)


def _show_shards(named: "Sequence[tuple[JobRow, Match]]", *, as_json: bool) -> None:
    if as_json:
        emit({"run_id": named[0][0].run_id, "shards": list(shards.documents(named))})
    else:
        shards.show(named)


def _told(attempts: "Sequence[AttemptRow]") -> "Iterator[tuple[AttemptRow, int]]":
    """The attempts; of several looks at a batch in a row only the last, with the number of those before it."""
    looks = 0
    for attempt, after in zip(attempts, [*attempts[1:], None], strict=True):
        if attempt.cause == _BATCH and after is not None and after.cause == _BATCH:
            looks += 1
        else:
            yield attempt, looks
            looks = 0


def _facts(job: "JobNow") -> list[tuple[str, str]]:
    details = job.details
    row = details.row
    owner = row.owner
    found = [
        ("job", row.key),
        ("name", job.name),
        ("run", row.run_id),
        ("state", row.state),
        ("why", job.why),
        *shown_reasons(job.failures, job.failed_cases),
        ("batch", row.message if row.state == "queued" and row.cause == _BATCH else None),
        ("priority", str(row.priority)),
        ("tags", ", ".join(details.tags)),
        ("submitted", local_time(row.submitted_ns)),
        ("after", listed(predecessors.of(row).done)),
        ("after the end of", listed(predecessors.of(row).ended)),
        ("not before", local_time(predecessors.own_time_ns(row))),
        (
            "attempts",
            f"{row.attempt}; {row.failures} of {row.max_attempts} failed, {row.lost} of {row.max_worker_lost} lost",
        ),
        ("versions", _versions(details)),
        ("suspects", CaseLosses.read(row.case_losses).words),
        ("limits", _limits(row)),
        ("worker", f"{owner.worker}, pid {owner.pid} on {owner.host}" if owner else None),
        ("ended", local_time(row.ended_ns)),
        ("file", _file(details)),
        ("log", _log(details)),
    ]
    return [(name, value) for name, value in found if value]


def _versions(details: "JobDetails") -> str | None:
    """In what the versions of the last attempt that differed from those of the submission did so."""
    told = [line for line in details.journal if line.get("move") == "remark"]
    if not told:
        return None
    why, number = str(told[-1].get("why")), told[-1].get("attempt")
    return f"{why.removeprefix(f'job {details.row.key} ')} (attempt {number} on {told[-1].get('host')})"


def _file(details: "JobDetails") -> str | None:
    """The paths of the job's file; None where jobs have none."""
    if not details.has_file:
        return None
    return ", ".join(map(str, details.paths)) or "none: themis queue doctor --fix writes it again"


def _log(details: "JobDetails") -> str | None:
    """Where the output of the last ended attempt is, if that is kept on its host."""
    last = details.kept_logs[-1] if details.kept_logs else None
    return None if last is None else f"{last.path} on {last.host} (attempt {last.attempt})"


def _calls(slot: "SlotReport | None") -> list[tuple[str, str]]:
    """What the providers that the job asks bear now, and the call that has stalled."""
    limits = [("provider", state.text) for state in slot.limits] if slot is not None else []
    stalled = [("stalled", slot.stalled.text)] if slot is not None and slot.stalled is not None else []
    return limits + stalled


def _limits(row: "JobRow") -> str:
    """The limits of one attempt; the number of attempts is shown elsewhere."""
    time_text = f"{how_long(row.timeout_s)} per attempt" if row.timeout_s else ""
    memory_text = f"{row.memory_limit_mb:,} MiB of memory" if row.memory_limit_mb else ""
    return ", ".join(filter(None, (time_text, memory_text)))
