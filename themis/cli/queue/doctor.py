"""`themis queue doctor`: the differences between files and rows, and their repair."""

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import click

from themis.cli import errors
from themis.cli.command import QueuePlace, command, json_option, queue_place
from themis.cli.queue.moved_queue import finding_of, relocate, told
from themis.cli.targets import opened_queue
from themis.cli.terminal import colours
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import PAGE_ROWS, document, emit_list, note
from themis.cli.terminal.progress import shown
from themis.cli.terminal.prose import say_text
from themis.core.errors import QueueElsewhereError, QueueFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from themis.core.queue.admin.findings import Finding
    from themis.core.queue.folder.store_registry import ScanProgress
    from themis.core.queue.port import Queue

_NOTHING = "nothing can be done here"


@command("doctor", "themis queue doctor", "themis queue doctor --fix", "themis queue doctor --fix --moved")
@queue_place
@click.option("--fix", is_flag=True, help="Repair what is out of place.")
@click.option("--moved", is_flag=True, help="With --fix: the queue was moved here, and continues here.")
@click.option("--copied", is_flag=True, help="With --fix: the queue is a copy, and becomes a queue of its own.")
@json_option
def doctor(*, place: QueuePlace, fix: bool, moved: bool, copied: bool, as_json: bool) -> int:
    """Compare every file with its row in the store, and list what is out of place; with --fix repair it.

    Locked jobs are left alone. Without --fix this is a dry run. Exits with 3 when something is out of place and was not
    repaired. A queue whose folder was moved or copied cannot be used until --moved or --copied says which.
    """
    from themis.core.queue.folder.store_registry import ScanProgress
    from themis.core.queue.write_check import check_writable

    word = told(fix=fix, moved=moved, copied=copied)
    progress, seen = ScanProgress(), _Seen()
    with opened_queue(*place) as opened:
        if word is not None and not relocate(opened, word):
            return errors.BAD_NEWS
        with shown(progress, quiet=False, unit="jobs"):
            findings = seen.each(_findings(opened, progress, seen, fix=fix))
            if as_json:
                emit_list(map(document, findings))
            else:
                _show(findings, fix=fix)
            if not seen.elsewhere:
                with suppress(QueueFileError):  # it is among the findings
                    check_writable(opened, ())
    if not seen.findings and not as_json:
        say_text("Nothing is out of place, and the queue can be written.")
    if seen.fixable:
        note("nothing was changed (dry run); themis queue doctor --fix repairs what can be repaired")
    return errors.BAD_NEWS if seen.left else 0


def _findings(queue: "Queue", progress: "ScanProgress", seen: "_Seen", *, fix: bool) -> "Iterator[Finding]":
    """Yield the findings; if the queue itself was moved or copied, that is the only one."""
    try:
        yield from queue.admin.doctor_each(fix=fix, progress=progress)
    except QueueElsewhereError as error:
        seen.elsewhere = True
        yield finding_of(error)


class _Seen:
    """The number of findings, of those that are left, and of those that --fix can repair."""

    def __init__(self) -> None:
        self.findings = self.left = self.fixable = 0
        self.elsewhere = False

    def each(self, findings: "Iterable[Finding]") -> "Iterator[Finding]":
        """Yield the findings, and count them."""
        for finding in findings:
            self.findings += 1
            self.left += not finding.fixed and not finding.harmless
            self.fixable += not finding.fixed and finding.action is not None
            yield finding


def _show(findings: "Iterable[Finding]", *, fix: bool) -> None:
    """Print the findings, a page at a time, since there may be very many."""
    wrong, done = ("was wrong", "done, or to do") if fix else ("is wrong", "to do")
    columns = (
        Column("what", drop=1, below=True, bare=True, style=lambda _: colours.HEAD),
        Column(wrong, drop=2, below=True, bare=True),
        Column(done, drop=3, below=True),
    )
    left = iter(findings)
    while page := list(islice(left, PAGE_ROWS)):
        say_table_fitted(columns, [_row(finding) for finding in page])


def _row(finding: "Finding") -> tuple[str, str, str]:
    to_do = "; ".join(filter(None, (finding.action, finding.advice))) or _NOTHING
    return finding.what, finding.problem, to_do
