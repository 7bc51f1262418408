"""Parts that the commands of `themis score` share: options that name a score and a person, and the rows shown."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from themis.cli.terminal.output import emit, is_for_people, say_table

if TYPE_CHECKING:
    from themis.cli.stored.run_names import RunPlace
    from themis.core.score_edits.history import EditRecord

HEADERS = ("no.", "case", "metric", "from", "to", "by", "when", "why", "now")
NUMBERS = ("no.", "from", "to")
_SECONDS = 19
"""Length of a time up to its seconds."""


def score_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a score, which become the argument `named`."""

    @click.option("--case", "--case-id", "case_id", required=True, metavar="ID", help="The case.")
    @click.option(
        "--metric", "--metric-id", "metric_id", metavar="ID", help="The metric.  [default: the only one of the run]"
    )
    @click.option(
        "--dataset",
        "--dataset-id",
        "dataset_id",
        metavar="ID",
        help="Its dataset, where several have a case of that id.",
    )
    @click.option(
        "--candidate",
        type=click.IntRange(min=0),
        metavar="N",
        help="The index of a candidate, where single candidates are scored: edit its score, not that of the case.",
    )
    @functools.wraps(function)
    def with_score(
        *, case_id: str, metric_id: str | None, dataset_id: str | None, candidate: int | None, **others: Any
    ) -> Any:
        from themis.core.score_edits.places import Named

        return function(named=Named("score", case_id, metric_id, dataset_id, candidate), **others)

    return with_score


class Said(NamedTuple):
    """A person who says something of a score, and the reason."""

    by: str | None
    why: str

    @property
    def name(self) -> str:
        """The person: without `--by` the user."""
        return self.by or login_name()


def said_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--by` and `--why`, which become the argument `said`."""

    @click.option("--by", metavar="NAME", help="Who says so.  [default: your login name]")
    @click.option("--why", required=True, metavar="TEXT", help="The reason.")
    @functools.wraps(function)
    def with_said(*, by: str | None, why: str, **others: Any) -> Any:
        return function(said=Said(by, why), **others)

    return with_said


def login_name() -> str:
    """The user's login name.

    Raises:
        InvalidArgumentError: the system knows none.
    """
    import getpass

    from themis.core.errors import InvalidArgumentError

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise InvalidArgumentError(argument="--by", detail="this user has no login name; say who you are") from None


def show_edits(place: "RunPlace", made: "Sequence[EditRecord]", *, as_json: bool) -> None:
    """Print the rows that were added."""
    if as_json or not is_for_people():
        emit({"run_id": place.run_id, "score_edits": [record.document() for record in made]})
        return
    say_table(HEADERS, map(row_of, made), right=NUMBERS)


def row_of(record: "EditRecord") -> tuple[str, ...]:
    """The cells of an edit under `HEADERS`, with whatever characters somebody has typed made visible."""
    from themis.core.score_edits.history import IN_WORDS, score_text
    from themis.core.text.lines import visible

    edit = record.edit
    candidate = "" if record.candidate_index is None else f" (candidate {record.candidate_index})"
    when = record.edited_at[:_SECONDS].replace("T", " ")
    return (
        str(edit.number),
        visible(edit.case_id) + candidate,
        record.metric_id,
        score_text(record.before),
        score_text(record.after),
        visible(edit.edited_by),
        when,
        visible(edit.why),
        IN_WORDS[record.standing] + ("" if edit.withdraws is None else f" {edit.withdraws}"),
    )
