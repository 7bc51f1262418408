"""`themis status group:NAME`: the runs of a group, how many are in which state, and the mean of each metric."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from themis.cli.status_wait import wait_for_each
from themis.cli.terminal.output import emit, say
from themis.cli.terminal.prose import say_facts, say_text
from themis.cli.terminal.scores import short_name
from themis.cli.views.run_table import say_runs
from themis.core.statistics.score_tally import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.monitor.run_groups.group_now import GroupNow
    from themis.core.monitor.runs import StoredRuns

SHOWN_RUNS = 100


def show_group(
    group: str,
    stores: "Sequence[StoredRuns]",
    *,
    wait: bool,
    timeout_s: float | None,
    show_all: bool,
    as_json: bool,
) -> int:
    """Print a group, perhaps after the end of all its runs, and return the exit code.

    Raises:
        UnknownTargetError: no store has such a group.
    """
    from themis.core.monitor.run_groups.group_now import GroupNow
    from themis.core.monitor.run_groups.members import members_of

    members = members_of(group, stores)
    looks = [partial(member.now, with_means=False) for member in members]
    code = wait_for_each(looks, timeout_s, f" of group {group}") if wait else 0
    found = GroupNow.of(group, members)
    if as_json:
        emit(found.document())
    else:
        _say(found, show_all=show_all)
    return code


def states_in(group: str, stores: "Sequence[StoredRuns]") -> set[str]:
    """The states of the first runs of a group.

    Raises:
        UnknownTargetError: no store has such a group.
    """
    from themis.core.monitor.run_groups.members import members_of

    runs = (member.now(with_means=False) for member in members_of(group, stores)[:SHOWN_RUNS])
    return {run.state for run in runs if run is not None}


def _say(found: "GroupNow", *, show_all: bool) -> None:
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items())
    means = [f"{short_name(metric)} {number(mean)}" for metric, mean in found.metric_means.items()]
    facts = [("group", found.name), ("runs", f"{len(found.runs):,}: {states}")]
    say_facts([*facts, ("means", means)] if means else facts)
    say()
    shown = found.runs if show_all else found.runs[:SHOWN_RUNS]
    say_runs([replace(run, name=row_name or run.name) for row_name, run in shown], stored=False)
    if len(shown) < len(found.runs):
        say()
        say_text(f"The first {SHOWN_RUNS}; --all shows all of them.")
