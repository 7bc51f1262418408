"""`themis queue doctor`: where files and rows disagree."""

from typing import TYPE_CHECKING

import click

from themis.cli import errors
from themis.cli.command import QueuePlace, command, json_option, queue_place
from themis.cli.opening import opened_queue
from themis.cli.output import document, emit, note, say, table
from themis.cli.queue.place import finding_of, relocate, told
from themis.core.errors import QueueElsewhereError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.queue.doctor import Finding

_NOTHING = "nothing can be done here"


@command("doctor", "themis queue doctor", "themis queue doctor --fix", "themis queue doctor --fix --moved")
@queue_place
@click.option("--fix", is_flag=True, help="Put right what is out of place.")
@click.option("--moved", is_flag=True, help="With --fix: the queue was moved here, and continues.")
@click.option("--copied", is_flag=True, help="With --fix: the queue is a copy, and becomes a queue of its own.")
@json_option
def doctor(*, place: QueuePlace, fix: bool, moved: bool, copied: bool, as_json: bool) -> int:
    """Compare every file with its row in the store, and say what is out of place; with --fix put it right.

    What a worker has in hand is left alone. Ends with 3 when something is out of place and was not put right. A queue
    whose folder was moved or copied is used by nobody until it is told which.
    """
    word = told(fix=fix, moved=moved, copied=copied)
    from themis.core.queue.probing import check_writable

    with opened_queue(*place) as opened:
        if word is not None and not relocate(opened, word):
            return errors.BAD_NEWS
        try:
            findings = opened.doctor(fix=fix)
        except QueueElsewhereError as error:
            findings = [finding_of(error)]
        if as_json:
            emit([document(finding) for finding in findings])
        elif findings:
            _show(findings, fix=fix)
        if not any(finding.what == str(opened.path) for finding in findings):
            check_writable(opened, ())
    if not findings and not as_json:
        say("Nothing is out of place, and the queue can be written.")
    left = [finding for finding in findings if not finding.fixed]
    if any(finding.action for finding in left):
        note("nothing was changed; themis queue doctor --fix puts right what can be")
    return errors.BAD_NEWS if left else 0


def _show(findings: "Sequence[Finding]", *, fix: bool) -> None:
    headers = ("what", "was wrong", "done, or to be done") if fix else ("what", "is wrong", "--fix, or you")
    rows = [
        (finding.what, finding.problem, "; ".join(filter(None, (finding.action, finding.advice))) or _NOTHING)
        for finding in findings
    ]
    for line in table(headers, rows):
        say(line)
