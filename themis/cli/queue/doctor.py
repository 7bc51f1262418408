"""`themis queue doctor`: where files and rows disagree."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli import errors
from themis.cli.command import command, json_option, queue_options
from themis.cli.opening import opened_queue
from themis.cli.output import document, emit_list, note, say, say_table
from themis.cli.progress import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from themis.core.queue.doctor import Finding

_NOTHING = "nothing can be done here"


@command("doctor", "themis queue doctor", "themis queue doctor --fix")
@queue_options
@click.option("--fix", is_flag=True, help="Put right what is out of place.")
@json_option
def doctor(*, queue_root: Path | None, config: Path | None, overrides: Sequence[str], fix: bool, as_json: bool) -> int:
    """Compare every file with its row in the store, and say what is out of place; with --fix put it right.

    What a worker has in hand is left alone. Ends with 3 when something is out of place and was not put right.
    """
    from themis.core.queue.probing import check_writable
    from themis.core.queue.store_book import ScanProgress

    progress, told = ScanProgress(), _Told()
    with opened_queue(queue_root, config, overrides) as opened, shown(progress, quiet=False, unit="jobs"):
        findings = told.each(opened.doctor_each(fix=fix, progress=progress))
        if as_json:
            emit_list(map(document, findings))
        else:
            _show(findings, fix=fix)
        check_writable(opened, ())
    if not told.findings and not as_json:
        say("Nothing is out of place, and the queue can be written.")
    if told.fixable:
        note("nothing was changed; themis queue doctor --fix puts right what can be")
    return errors.BAD_NEWS if told.left else 0


class _Told:
    """How many findings there were, how many of them are left, and of those --fix can put right."""

    def __init__(self) -> None:
        self.findings = self.left = self.fixable = 0

    def each(self, findings: "Iterable[Finding]") -> "Iterator[Finding]":
        """The findings, counted."""
        for finding in findings:
            self.findings += 1
            self.left += not finding.fixed
            self.fixable += not finding.fixed and finding.action is not None
            yield finding


def _show(findings: "Iterable[Finding]", *, fix: bool) -> None:
    headers = ("what", "was wrong", "done, or to be done") if fix else ("what", "is wrong", "--fix, or you")
    say_table(
        headers,
        (
            (finding.what, finding.problem, "; ".join(filter(None, (finding.action, finding.advice))) or _NOTHING)
            for finding in findings
        ),
    )
