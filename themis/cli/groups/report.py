"""`themis report group:NAME`: a row for each run of a group, for people or for further processing."""

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import click

from themis.cli.stored.run_targets import Asked, places_of_runs
from themis.cli.terminal import streams
from themis.cli.terminal.output import note

if TYPE_CHECKING:
    from themis.core.monitor.run_groups.group_now import GroupNow


def report_group(asked: Asked, form: str) -> None:
    """Print a group's report.

    Raises:
        UnknownTargetError: no store has such a group.
    """
    from themis.core.reporting.groups import FORMATS

    if form not in FORMATS:
        message = f"a group has no report as {form}; there are {', '.join(FORMATS)}, and of each run all"
        raise click.UsageError(message, click.get_current_context())
    found = _group(asked)
    if unfinished := sum(run.done < run.total for _, run in found.runs):
        note(f"{unfinished:,} of {len(found.runs):,} runs have cases that have not ended; theirs are the scores so far")
    streams.write(FORMATS[form](found).rstrip("\n") + "\n")


def _group(asked: Asked) -> "GroupNow":
    from themis.core.errors import StoreMissingError, UnavailableError
    from themis.core.monitor.run_groups.group_now import GroupNow
    from themis.core.monitor.run_groups.members import members_of
    from themis.core.monitor.runs import StoredRuns
    from themis.core.monitor.targets import target_text

    locations = places_of_runs(asked)
    with ExitStack() as stack:
        stores = []
        for location in locations:
            try:
                stores.append(stack.enter_context(closing(StoredRuns(location))))
            except (StoreMissingError, UnavailableError) as error:
                if len(locations) == 1:
                    raise
                note(f"left out: {error}")
        name = target_text(asked.target or "").text
        return GroupNow.of(name, members_of(name, stores))
