"""Ways to say how a run has ended: a line for people with what to do next, or a JSON object for programs."""

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from themis.cli.costs import explain_cost, priced
from themis.cli.exit_status import document, explain_failures
from themis.cli.terminal.output import ID_CHARACTERS, emit, how_long, is_for_people
from themis.cli.terminal.own_command import from_here
from themis.cli.terminal.prose import say_command, say_state, say_text
from themis.cli.terminal.scores import scores_one_by_one
from themis.cli.terminal.store_option import storage_in, store_named
from themis.core.configuration.default_paths import DEFAULT_STORE_PATH

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.cost.run_cost import RunCost
    from themis.core.engine.run_options import RunProgress
    from themis.core.results import RunResult


@dataclass(frozen=True, slots=True)
class Execution:
    """Execution of a run by a command.

    Attributes:
        progress: of the cases.
        again_from: the stage from which it was done again, of a replay.
        began_s: the time at which it began, in seconds of the monotonic clock.
    """

    progress: "RunProgress"
    again_from: str | None = None
    began_s: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """The part of the run that was carried out, and what was stored before, in a few words."""
        progress = self.progress
        took = f"took {how_long(time.monotonic() - self.began_s)}"
        if self.again_from is not None:
            return f"done again from {self.again_from} on, {took}"
        if progress.resumed >= progress.total:
            return "stored, nothing was run"
        return f"{took}, {progress.resumed:,} cases were stored" if progress.resumed else took


def show_end(
    result: "RunResult",
    execution: "Execution | None",
    *,
    storage: "StorageConfig | None",
    priced_too: bool = True,
    is_traced: bool = False,
) -> None:
    """Print how a run has ended, and on standard error what is to be known about it.

    Args:
        result: of the run.
        execution: what the command has done of it, if it has.
        storage: where its results are; None where that is not known.
        priced_too: whether its cost is shown.
        is_traced: whether the traceback of a bug was printed anyway.
    """
    cost = priced(result.spends.values()) if priced_too else None
    if is_for_people():
        say_end(result, cost, execution)
        say_next(result, storage)
    else:
        emit(document(result, cost))
    explain_failures(result, is_traced=is_traced)
    explain_cost(cost)


def say_end(result: "RunResult", cost: "RunCost | None", execution: "Execution | None") -> None:
    """Print in a line how a run has ended: its state, its cases, its scores, its name, and what was run for it."""
    items = [*_counts(result), *scores_one_by_one(result.metrics), _title(result)]
    if execution is not None:
        items.append(execution.text)
    say_state(result.status.value, items)
    if cost is not None:
        from themis.core.reporting.costs import in_short

        say_text(f"cost {in_short(cost)}")


def say_next(result: "RunResult", storage: "StorageConfig | None") -> None:
    """Print the command that shows more of a run; nothing for one that is not stored."""
    if storage is None or storage.store == "memory":
        return
    run = f"{result.run_id[:ID_CHARACTERS]}{_place(storage)}"
    is_bad = bool(result.progress.failed_cases)
    say_command("next", f"themis cases {run} --failed" if is_bad else f"themis report {run} --format markdown-summary")


def _counts(result: "RunResult") -> list[str]:
    progress = result.progress
    ended = progress.completed_cases + progress.failed_cases
    found = [f"{ended:,}/{progress.total_cases:,} cases"]
    return [*found, f"{progress.failed_cases:,} failed"] if progress.failed_cases else found


def _title(result: "RunResult") -> str:
    run = f"run {result.run_id[:ID_CHARACTERS]}"
    return f"({result.name}, {run})" if result.name else f"({run})"


def _place(storage: "StorageConfig") -> str:
    """The option that names a store, unless it is where commands look by themselves."""
    named = store_named(storage)
    if named is None or Path(named).absolute() == Path(DEFAULT_STORE_PATH).absolute():
        return ""
    return f" --store {shlex.quote(named if storage_in(named) else from_here(named))}"
