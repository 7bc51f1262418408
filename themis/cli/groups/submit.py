"""`themis submit --sweep` and `--group`: many runs, in one group."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from themis.cli.groups.submitted_view import show_planned, show_submitted_rows, show_summary
from themis.cli.terminal import streams
from themis.cli.terminal.component_output import expect_components
from themis.cli.terminal.output import note
from themis.cli.terminal.part_options import part_of
from themis.core.configuration.part import Part

if TYPE_CHECKING:
    from themis.core.configuration.sweeps.sweep import Sweep
    from themis.core.dry_run.job_plan import JobPlan
    from themis.core.experiment import Experiment
    from themis.core.jobs.prepared_job import HowSubmitted
    from themis.core.sweeps.rows import ExperimentRow


class Swept(NamedTuple):
    """The sweep of a command, as its options name it."""

    sweeps: Sequence[str]
    sweep_file: Path | None
    group: str | None


def submit_sweep(  # the options of one command, each for another part of what is done
    configs: Sequence[Path],
    overrides: Sequence[str],
    swept: Swept,
    how: "HowSubmitted",
    part: Part,
    *,
    dry_run: bool,
) -> None:
    """Submit, or with `dry_run` only show, a run for each config file and each row of a sweep."""
    from themis.core.sweeps.rows import group_name, open_rows
    from themis.core.sweeps.submitting import submit_rows

    sweep = _sweep(swept)
    expect_components()

    def narrowed(experiment: "Experiment") -> "Experiment":
        return part_of(experiment, part, overrides, quiet=True)

    rows = open_rows(configs, sweep, overrides, tags=how.tags, change=narrowed)
    group = group_name(swept.group, sweep, configs, rows)
    if dry_run:
        show_planned(_planned(rows, how), group)
        return
    found = []
    for batch in submit_rows(rows, how, group):
        show_submitted_rows(batch, group)
        found += batch
    show_summary(found, group)
    if how.mode != "batch" and streams.has_terminal():
        _note_nobody(sorted({one.manifest.queue for one in found if one.manifest.queue is not None}), how.tags)


def _sweep(swept: Swept) -> "Sweep | None":
    if swept.sweeps and swept.sweep_file is not None:
        message = "give --sweep or --sweep-file, not both; a file may have `rows` for all of them"
        raise click.UsageError(message, click.get_current_context())
    if swept.sweep_file is not None:
        from themis.core.configuration.sweeps.sweep_file import sweep_in

        return sweep_in(swept.sweep_file)
    if not swept.sweeps:
        return None
    from themis.core.configuration.sweeps.axis_text import axis_in
    from themis.core.configuration.sweeps.sweep import sweep_of

    return sweep_of([axis_in(text) for text in swept.sweeps], "--sweep")


def _planned(rows: "Sequence[ExperimentRow]", how: "HowSubmitted") -> "list[tuple[ExperimentRow, JobPlan]]":
    from themis.core.dry_run.job_plan import plan_submission
    from themis.core.jobs.sharding import refuse_number
    from themis.core.sweeps.rows import named_row

    for row in rows:
        with named_row(row.config, row.name):
            refuse_number(row.experiment, how.mode, how.shards)
    return [(row, plan_submission(row.experiment, row.config, how.mode, how.tags, how.after)) for row in rows]


def _note_nobody(queues: Sequence[str], tags: Sequence[str]) -> None:
    from themis.core.monitor.workers import nobody_works
    from themis.core.queue.model.queue_place import queue_place

    for queue in queues:
        if hint := nobody_works(queue_place(queue), tags):
            note(hint)
