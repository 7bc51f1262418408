"""`themis cases`: the cases of a stored run with their scores, or one of them in full."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option
from themis.cli.exit_status import explain_partial
from themis.cli.stored.run_targets import Asked, run_options, run_to_read
from themis.cli.terminal.fitted_table import Column, fitted, terminal_width
from themis.cli.terminal.output import cut, emit_object, is_for_people, note, say
from themis.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from themis.core.reporting.case_list import CaseRow

SHOWN_CASES = 100
STATES = ("ok", "no_answer", "failed")
_ANSWER_BYTES = 60
_LONGEST_CELL = len("no answer")


@command(
    "cases",
    "themis cases experiment.yaml",
    "themis cases gpt-5.4-mini-on-gsm8k --failed",
    "themis cases 4f1c09 --where 'exact_match<1' --all --json",
    "themis cases 4f1c09 --case q17",
)
@run_options
@click.option("--failed", is_flag=True, help="Only the cases that failed; the same as --state failed.")
@click.option("--state", type=click.Choice(STATES), help="Only the cases in this state.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="'METRIC<N'",
    help="Only the cases whose score is so: <, <=, =, !=, > or >=. May be repeated, for cases that meet all.",
)
@click.option("--case", "--case-id", "case_id", metavar="ID", help="Show this case in full: its id, or its case_key.")
@click.option("--dataset", "--dataset-id", "dataset_id", metavar="ID", help="Only the cases of this dataset.")
@click.option("--all", "show_all", is_flag=True, help=f"Every case, not only the first {SHOWN_CASES}.")
@json_option
def cases(*, asked: Asked, case_id: str | None, show_all: bool, as_json: bool, **wanted: Any) -> None:
    """List the ended cases of a stored run: how each ended, its scores, its answer, and why it failed.

    TARGET is the name of a run, or the beginning of a run's id or a job's key (4 digits at least), or a config file.
    Beside --json, --all has no effect: all cases are printed.
    """
    from themis.core.reporting.case_list import Condition, case_rows
    from themis.core.stores import projections

    with run_to_read(asked) as (store, run_id):
        result = projections.run_result(store, run_id)
        snapshot = projections.stored_snapshot(store, run_id)
        explain_partial(result)
        conditions = [Condition.read(text, snapshot.metric_ids) for text in wanted["conditions"]]
        state = "failed" if wanted["failed"] else wanted["state"]
        if wanted["failed"] and wanted["state"] not in {None, "failed"}:
            raise InvalidArgumentError(argument="--state", detail="--failed says another state")
        found = (
            row
            for row in case_rows(store, snapshot)
            if (state is None or row.state == state)
            and (wanted["dataset_id"] in {None, row.dataset_id})
            and (case_id is None or case_id in {row.case_id, row.case_key})
            and all(condition.holds(row.scores) for condition in conditions)
        )
        if as_json or not is_for_people():
            emit_object({"run_id": run_id, "name": result.name}, "cases", (row.document() for row in found), dict)
        elif case_id is not None:
            _show_one(found, case_id)
        else:
            _show(found, snapshot.metric_ids, several=len(snapshot.datasets) > 1, show_all=show_all)


def _show_one(found: "Iterator[CaseRow]", case_id: str) -> None:
    """Print all of the cases with an id: several datasets may have one each."""
    rows = list(found)
    if not rows:
        detail = f"no case {case_id!r} has ended in this run; themis cases lists those that have"
        raise InvalidArgumentError(argument="--case", detail=detail)
    for row in rows:
        say(f"{row.case_id}  {row.state}  (dataset {row.dataset_id})")
        for name, value in (("answer", row.answer), ("parsed", row.parsed)):
            if value is not None:
                say(f"{name}: {_text(value)}")
        for metric_id, score in row.scores.items():
            say(f"{metric_id}: {_score(score)}")
        for failure in row.failures:
            say(f"{failure.stage}: {failure.category}: {failure.summary}")


def _show(found: "Iterator[CaseRow]", metric_ids: Sequence[str], *, several: bool, show_all: bool) -> None:
    """Print a table of the cases, a page at a time."""
    columns = [Column("case", least=12), Column("dataset", least=8, drop=2), Column("state")]
    columns += [Column(metric_id.removeprefix("builtin/"), right=True) for metric_id in metric_ids]
    columns += [Column("answer", least=16, drop=3), Column("why", drop=1, below=True, bare=True, yields=True, lines=2)]
    page = list(islice(found, SHOWN_CASES))
    if not page:
        note("no such cases")
    while page:
        width = terminal_width()
        if width is not None and _least(columns) > width:
            _show_as_blocks(page)
        else:
            for line in fitted(columns, [_cells(row, metric_ids, several=several) for row in page], width):
                say(line)
        following = list(islice(found, SHOWN_CASES if show_all else 1))
        if following and not show_all:
            say(f"\nThe first {SHOWN_CASES}; --all lists them all.")
            break
        page = following


def _least(columns: Sequence[Column]) -> int:
    """The width without the columns that may be left out, and with the others at their shortest."""
    kept = [column.least or max(len(column.header), _LONGEST_CELL) for column in columns if not column.drop]
    return sum(kept) + len("  ") * (len(kept) - 1)


def _show_as_blocks(page: "Sequence[CaseRow]") -> None:
    """Print cases whose scores do not fit side by side: a line for each case, and below it one for each score."""
    for row in page:
        say(f"{row.case_id}  {row.state.replace('_', ' ')}")
        for metric_id, score in row.scores.items():
            say(f"  {_score(score)}  {metric_id.removeprefix('builtin/')}")
        if row.reason is not None:
            say(f"  {row.reason}")


def _cells(row: "CaseRow", metric_ids: Sequence[str], *, several: bool) -> list[str | None]:
    scores = [_score(row.scores.get(metric_id)) for metric_id in metric_ids]
    answer = None if row.answer is None else cut(_text(row.answer), _ANSWER_BYTES)
    return [row.case_id, row.dataset_id if several else None, row.state.replace("_", " "), *scores, answer, row.reason]


def _score(score: float | None) -> str:
    from themis.core.statistics.score_tally import number

    return "-" if score is None else number(score)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
