"""`themis score`: scores that people correct, and labels that they gave, as rows beside what was measured."""

from typing import TYPE_CHECKING

import click

from themis.cli.command import command, group, json_option
from themis.cli.stored.one_run import one_run
from themis.cli.stored.run_targets import Asked, run_options
from themis.cli.stored.score_import import import_labels
from themis.cli.stored.score_options import HEADERS, NUMBERS, Said, row_of, said_options, score_options, show_edits
from themis.cli.terminal.output import emit, is_for_people, say, say_table

if TYPE_CHECKING:
    from themis.core.score_edits.places import Named


@group(
    "score",
    "themis score edit --config experiment.yaml --case q7 --value 1 --why 'the answer is right'",
    "themis score list --config experiment.yaml",
)
def score() -> None:
    """Correct scores of a stored run, and keep labels that people gave, beside what was measured.

    Who, when and why are kept with each edit. What was measured is never changed, and no edit is ever removed.
    """


@command(
    "edit",
    "themis score edit --config experiment.yaml --case q7 --value 1 --why 'the answer is right, in other words'",
    "themis score edit --config experiment.yaml --case q8 --unscored --why 'nobody can answer that question'",
    "themis score edit 4f1c09 --case q7 --metric builtin/f1 --value 0.5 --by zoe --why 'half of it is right'",
)
@run_options
@score_options
@click.option("--value", metavar="V", help="The new score: a number.")
@click.option("--unscored", is_flag=True, help="Leave the case out of the mean.")
@said_options
@json_option
def edit(*, asked: Asked, named: "Named", value: str | None, unscored: bool, said: Said, as_json: bool) -> None:
    """Say what a score should be: a row beside what was measured.

    A later edit of the same score takes its place.
    """
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.editing import Correction, edit_scores

    correction = Correction(named, _value(value, unscored=unscored), said.name, said.why)
    with one_run(asked, writes=True) as place:
        snapshot = get_run_snapshot(place.store, place.run_id)
        (made,) = edit_scores(place.store, snapshot, [correction])
    show_edits(place, [made], as_json=as_json)


@command(
    "withdraw",
    "themis score withdraw --config experiment.yaml --case q7 --why 'I had read the wrong answer'",
)
@run_options
@score_options
@said_options
@json_option
def withdraw(*, asked: Asked, named: "Named", said: Said, as_json: bool) -> None:
    """Take the last edit of a score back, by a further row; the edit before it holds again, if there is one."""
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.editing import withdraw_edit

    name = said.name
    with one_run(asked, writes=True) as place:
        made = withdraw_edit(place.store, get_run_snapshot(place.store, place.run_id), named, name, said.why)
    show_edits(place, [made], as_json=as_json)


@command(
    "list",
    "themis score list --config experiment.yaml",
    "themis score list 4f1c09 --json",
)
@run_options
@json_option
def list_edits(*, asked: Asked, as_json: bool) -> None:
    """List all edits of a run's scores: who made them, when, why, from what and to what, and what each is now."""
    from themis.core.inspection import get_run_snapshot
    from themis.core.score_edits.figures import edited_metrics
    from themis.core.score_edits.history import read_history

    with one_run(asked) as place:
        snapshot = get_run_snapshot(place.store, place.run_id)
        history = read_history(place.store, snapshot)
        metrics = edited_metrics(place.store, snapshot, history.holding)
    if not as_json and is_for_people():
        if not history:
            say("no score of this run was edited")
        else:
            say_table(HEADERS, map(row_of, history.records), right=NUMBERS)
        return
    emit(
        {
            "run_id": place.run_id,
            "score_edits": [record.document() for record in history.records],
            "edited_metrics": {metric_id: found.document() for metric_id, found in metrics.items()},
        }
    )


def _value(text: str | None, *, unscored: bool) -> float | None:
    """The score that the options give; None for none."""
    from themis.core.errors import InvalidArgumentError
    from themis.core.score_files.row_parts import finite_number

    if (text is None) != unscored:
        message = "give --value or --unscored, not both" if unscored else "give --value, or --unscored"
        raise click.UsageError(message, click.get_current_context())
    number = None if text is None else finite_number(text)
    if text is not None and number is None:
        raise InvalidArgumentError(argument="--value", detail=f"must be a finite number, not {text!r}")
    return number


for _command in (edit, withdraw, list_edits, import_labels):
    score.add_command(_command)
