"""Ways to say what rows of a sweep were submitted, or would be: a table for people, or a JSON object for each row."""

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from themis.cli.terminal import colours
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, emit, is_for_people, note
from themis.cli.terminal.prose import say_command, say_text
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.dry_run.job_plan import JobPlan
    from themis.core.sweeps.rows import ExperimentRow
    from themis.core.sweeps.submitting import SubmittedRow

_NEW = "pending"
_SUBMITTED = (
    Column("run"),
    Column("state", style=colours.of_state),
    Column("shards", right=True, drop=30),
    Column("row", drop=10, below=True, bare=True, yields=True),
    Column("name", drop=20, below=True, yields=True),
)
_PLANNED = (
    Column("run"),
    Column("state", style=colours.of_state),
    Column("row", drop=10, below=True, bare=True, yields=True),
    Column("cases", right=True, drop=20, below=True),
    Column("generations", right=True, drop=30, below=True),
    Column("judgments", right=True, drop=40, below=True),
    Column("name", drop=50, below=True, yields=True),
)


def show_submitted_rows(batch: "Sequence[SubmittedRow]", group: str) -> None:
    """Print a batch of rows that are submitted."""
    if is_for_people():
        say_table_fitted(_SUBMITTED, [_submitted(one) for one in batch])
        return
    for row, one, is_new in batch:
        emit(
            {
                "run_id": one.run_id,
                "name": one.name,
                "status": one.status,
                "manifest_path": None if one.manifest_path is None else str(one.manifest_path),
                "mode": one.mode,
                "group": group,
                "row": row.name,
                "new": is_new,
                **({"after": one.after} if one.after else {}),
                **({} if one.shards is None else {"shards": one.shards}),
            }
        )


def show_summary(found: "Sequence[SubmittedRow]", group: str) -> None:
    """Print how many rows are new, what the others are, and the command that shows all of them."""
    others = Counter(_state(one) for one in found if not one.is_new)
    told = [
        f"{sum(one.is_new for one in found):,} new",
        *(f"{count:,} submitted before and {state}" for state, count in sorted(others.items())),
    ]
    sentence = f"group {group}: {', '.join(told)}"
    if not is_for_people():
        note(sentence)
        return
    say_text(sentence)
    say_command("next", f"themis status {shlex.quote(f'group:{group}')} --wait")


def show_planned(plans: "Sequence[tuple[ExperimentRow, JobPlan]]", group: str) -> None:
    """Print the rows that would be submitted, with their cases and calls."""
    left = sum(plan.job is None for _, plan in plans)
    calls = sum(plan.run.generation_calls for _, plan in plans)
    if is_for_people():
        say_table_fitted(_PLANNED, [_planned(row, plan) for row, plan in plans])
    else:
        for row, plan in plans:
            document = {"dry_run": True, **plan.run.model_dump(mode="json")}
            emit({**document, **plan.model_dump(mode="json", exclude={"run"}), "group": group, "row": row.name})
    note(
        f"dry run, nothing was written and no model asked: {left:,} of {counted(len(plans), 'run')} would be added, "
        f"to the group {group}, and {counted(calls, 'generation')} asked for"
    )


def _submitted(one: "SubmittedRow") -> tuple[str | None, ...]:
    found = one.manifest
    shards = None if found.shards is None else str(found.shards)
    return found.run_id[:ID_CHARACTERS], _state(one), shards, one.row.name, found.name


def _planned(row: "ExperimentRow", plan: "JobPlan") -> tuple[str | None, ...]:
    run = plan.run
    return (
        run.run_id[:ID_CHARACTERS],
        "new" if plan.job_state is None else plan.job_state,
        row.name,
        f"{run.left_cases:,}/{run.total_cases:,}",
        f"{run.generation_calls:,}",
        f"{run.judgments:,}" if run.judgments else None,
        run.name,
    )


def _state(one: "SubmittedRow") -> str:
    if one.manifest.status != _NEW:
        return one.manifest.status
    if one.manifest.mode == "batch":
        return "requested"
    return "waiting" if one.manifest.after else "queued"
