"""Ways to say what was changed about jobs and queues: lines for people, or a JSON object for programs."""

import shlex
from typing import TYPE_CHECKING, Any

from themis.cli.terminal.colours import PARTLY
from themis.cli.terminal.output import ID_CHARACTERS, emit, is_for_people, local_time, when
from themis.cli.terminal.prose import say_command, say_state, say_text
from themis.core.queue.model.predecessors import listed, own_time_ns, waits_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.cli.command import QueuePlace
    from themis.core.queue import Pause
    from themis.core.queue.admin.administration import JobProblem
    from themis.core.stores.job_rows import JobRow


def show_job(row: "JobRow") -> None:
    """Print the state that a job has now."""
    if is_for_people():
        _say(row)
    else:
        emit(_document(row))


def show_place(row: "JobRow") -> None:
    """Print the priority of a job, and the time before which it is not taken."""
    if is_for_people():
        ready_ns = own_time_ns(row)
        _say(row, f"priority {row.priority}", *([f"not before {local_time(ready_ns)}"] if ready_ns else []))
    else:
        emit({**_document(row), "priority": row.priority, "not_before": when(own_time_ns(row))})


def show_jobs(found: "Sequence[JobRow | JobProblem]") -> None:
    """Print the states of several jobs; people are told of problems elsewhere."""
    from themis.core.queue.admin.administration import JobProblem

    if is_for_people():
        for row in found:
            if not isinstance(row, JobProblem):
                _say(row)
        return
    emit(
        {
            "jobs": [
                {"key": one.key, "error": str(one.error)} if isinstance(one, JobProblem) else _document(one)
                for one in found
            ]
        }
    )


def show_paused(made: "Pause", place: "QueuePlace") -> None:
    """Print that the queue at a place is paused now: by whom, since when and why."""
    if is_for_people():
        from themis.core.monitor.reasons import pause_text

        say_text(pause_text(made))
        say_command("resume it with", f"themis queue resume{_options(place)}")
    else:
        emit({"paused": True, "by": made.by, "at": when(made.at_ns), "reason": made.reason})


def show_resumed(*, was_paused: bool) -> None:
    """Print that a queue is not paused now."""
    if is_for_people():
        say_text("resumed: workers take jobs again" if was_paused else "it was not paused, and is not now")
    else:
        emit({"paused": False})


def _options(place: "QueuePlace") -> str:
    """The options that name the same queue again."""
    given = [
        ("--queue-root", place.queue_root),
        ("--config", place.config),
        *(("--set", one) for one in place.overrides),
    ]
    return "".join(f" {option} {shlex.quote(str(value))}" for option, value in given if value is not None)


def _say(row: "JobRow", *more: str) -> None:
    state = str(row.state)
    is_stopping = state == "running" and row.cancel_requested
    key = row.key if "." in row.key else row.key[:ID_CHARACTERS]  # that of a shard is shown in full
    title = f"(run {row.run_id[:ID_CHARACTERS]}, job {key})"
    waits = waits_for(row)
    items = (*more, *([f"waits for job {listed(waits)}"] if waits else []), title)
    if is_stopping:
        say_state("stopping", items, style=PARTLY)
    else:
        say_state(state, items)


def _document(row: "JobRow") -> dict[str, Any]:
    return {
        "key": row.key,
        "run_id": row.run_id,
        "state": str(row.state),
        "attempt": row.attempt,
        "cancel_requested": row.cancel_requested,
        **({"after": list(waits_for(row))} if waits_for(row) else {}),
    }
