"""`themis queue logs`: a job's history, and the output of its attempts."""

import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import QueuePlace, command, json_option, queue_place
from themis.cli.errors import INTERRUPTED
from themis.cli.offers import values
from themis.cli.targets import job_key_of, jobs_of_one_run, opened_queue
from themis.cli.terminal import streams
from themis.cli.terminal.log_tail import LogTail, lines_of
from themis.cli.terminal.output import emit, printable, say
from themis.core.errors import JobError

if TYPE_CHECKING:
    from themis.core.queue.admin.details import JobDetails, KeptLog
    from themis.core.queue.port import Queue
    from themis.core.stores.job_rows import JobRow

LOOK_EVERY_S = 0.2
_LOG_CHARACTERS = 1_000_000


@command("logs", "themis queue logs 4f1c", "themis queue logs 4f1c --follow --lines 20")
@click.argument("target", required=False, shell_complete=values.jobs)
@queue_place
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Only the output of one attempt.")
@click.option("--follow", "-f", is_flag=True, help="Keep printing until the job has ended, through all its attempts.")
@click.option("--lines", type=click.IntRange(0), metavar="N", help="Only the last N lines of each log so far.")
@json_option
def logs(
    *,
    target: str | None,
    place: QueuePlace,
    attempt: int | None,
    follow: bool,
    lines: int | None,
    as_json: bool,
) -> None:
    """Print a job's history, one line per move, and the logs of its attempts that were kept.

    Of a run in shards, those of all of them, unless TARGET is the key of one.
    With --follow, print only the output, as it comes; Ctrl-C ends this command, not the job.
    """
    if follow and as_json:
        message = "give --follow or --json, not both"
        raise click.UsageError(message, click.get_current_context())
    with opened_queue(*place, read_only=True) as queue:
        if follow:
            _follow(queue, job_key_of(queue, target, place.config, place.overrides), attempt, lines)
            return
        named = jobs_of_one_run(queue, target, place.config, place.overrides)
        keys = [row.key for row, _ in named] or [target or str(place.config)]
        found = [queue.admin.show(key) for key in keys]
    documents = []
    for details in found:
        if len(found) > 1 and not as_json:
            say(f"\n=== {details.row.key}")
        documents.append(_say_job(details, attempt, lines, as_json=as_json))
    if as_json:
        emit(documents[0] if len(documents) == 1 else {"shards": documents})


def _say_job(details: "JobDetails", attempt: int | None, lines: int | None, *, as_json: bool) -> dict[str, object]:
    """Print the history and the logs of a job, or return them."""
    from themis.core.monitor.jobs import logs_by_attempt

    parts = logs_by_attempt(details, attempt)
    wanted = (log for log in details.kept_logs if attempt in {None, log.attempt})
    kept = {log.attempt: log for log in wanted if log.attempt not in parts}
    if attempt is not None and not parts and not kept:
        numbers = sorted({*logs_by_attempt(details), *(log.attempt for log in details.kept_logs)})
        there = ", ".join(map(str, numbers)) or "none"
        detail = f"there is no log of attempt {attempt}; there are logs of attempts: {there}"
        raise JobError(key=details.row.key, detail=detail)
    if as_json:
        texts = {str(number): _text(paths, lines) for number, paths in parts.items()}
        texts |= {str(number): "\n".join(_last(log.text.splitlines(), lines)) for number, log in kept.items()}
        return {"key": details.row.key, "journal": details.journal, "logs": texts}
    if attempt is None:
        _say_history(details)
    for number, paths in parts.items():
        say(f"\n--- attempt {number}: {paths[-1]}")
        _say_lines(_last(lines_of(paths), lines))
    for log in kept.values():
        _say_kept(log, lines)
    return {}


def _say_kept(log: "KeptLog", lines: int | None) -> None:
    """Print the end of an attempt's output, which is on another host, and where the rest is."""
    size, kept = log.size_bytes, len(log.text.encode())
    rest = "" if size <= kept else f"; the last {kept:,} of {size:,} bytes, the rest is there"
    say(f"\n--- attempt {log.attempt}: {log.path} on {log.host}{rest}")
    _say_lines(_last(log.text.splitlines(), lines))


def _say_history(details: "JobDetails") -> None:
    for entry in details.journal:
        rest = " ".join(f"{name}={value}" for name, value in entry.items() if name not in {"at", "move"})
        say(printable(f"{entry.get('at', '')}  {entry.get('move', ''):<16} {rest}"))


def _follow(queue: "Queue", key: str, attempt: int | None, lines: int | None) -> None:
    try:
        _follow_attempts(queue, key, attempt, lines)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None


def _follow_attempts(queue: "Queue", key: str, wanted: int | None, lines: int | None) -> None:
    """Print the output of one attempt, or of each from the last one on, until there is no more to come.

    In a queue of rows the output of another host comes when its attempt has ended.
    """
    row = queue.admin.find(key)
    number = wanted or max(row.attempt, 1)
    while True:
        with closing(LogTail(queue.log_path(row.key, number))) as tail:
            _say_lines(_last(itertools.chain(tail.rotated_away(), tail.new_lines()), lines))
            row = _follow_one(queue, row.key, tail, number, wanted)
        if not queue.log_path(row.key, number).exists():
            for log in queue.admin.show(row.key).kept_logs:
                if log.attempt == number:
                    _say_kept(log, lines)
        if wanted is not None or row.attempt <= number:
            return
        number, lines = number + 1, None
        say(f"\n--- attempt {number}")


def _follow_one(queue: "Queue", key: str, tail: LogTail, number: int, wanted: int | None) -> "JobRow":
    while True:
        # An attempt's output is in its log before its end is in the row: so the row is read first.
        row = queue.admin.find(key)
        over = _is_over(row, number, wanted)
        _say_lines(tail.rest() if over else tail.new_lines())
        streams.flush()
        if over:
            return row
        time.sleep(LOOK_EVERY_S)


def _is_over(row: "JobRow", number: int, wanted: int | None) -> bool:
    """Whether an attempt will print no more: it has ended, or the job has, so the attempt will never begin."""
    if row.attempt > number or row.state not in {"queued", "running"}:
        return True
    return wanted is not None and row.state == "queued" and row.attempt == number


def _say_lines(lines: Iterable[str]) -> None:
    for line in lines:
        say(printable(line.replace("\t", "    ")))


def _last(lines: Iterable[str], count: int | None) -> Iterator[str]:
    yield from lines if count is None else deque(lines, maxlen=count)


def _text(paths: Sequence[Path], lines: int | None) -> str:
    return "".join(f"{line}\n" for line in _last(lines_of(paths), lines))[-_LOG_CHARACTERS:]
