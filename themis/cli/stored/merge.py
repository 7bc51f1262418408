"""`themis store merge`: results of several stores in one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command
from themis.cli.errors import BAD_NEWS
from themis.cli.terminal.output import emit, is_for_people, json_form_option, note, say
from themis.cli.terminal.store_option import REFERENCE, location_named
from themis.core.errors import InputError
from themis.core.stores.merging.report import MergeReport, Prefer, SourceReport
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from themis.core.stores.reading import StoreLocation

_SECONDS_BETWEEN = 10.0
_CONFIGS = (".yaml", ".yml", ".toml")
_THINGS = {
    "runs": "run",
    "cases": "case",
    "outcomes": "outcome",
    "judge_calls": "judge call",
    "score_edits": "edit",
    "jobs": "ended job",
}


@command(
    "merge",
    "themis store merge node1.sqlite3 node2.sqlite3 --into runs/themis.sqlite3",
    "themis store merge parts/*.sqlite3 --into experiment.yaml --prefer first",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--into",
    required=True,
    metavar="STORE",
    help="The store that has everything afterwards: a file, which is made if it is not there; a config file, for the "
    "store that it names; or postgres:REF. " + REFERENCE,
)
@click.option(
    "--prefer",
    type=click.Choice([choice.value for choice in Prefer]),
    help="Whose results count for a case that two stores answered in different ways: those that were there first, in "
    "STORE or in the file that is named first, or those of the file that is named last.  [default: such a run is "
    "refused]",
)
@click.pass_context
@json_form_option
def merge(ctx: click.Context, *, files: tuple[Path, ...], into: str, prefer: str | None) -> None:
    """Merge the results in the stores FILE... into one store.

    The files are only read. What the store has already is not added twice, so an interrupted merge is completed by the
    same command, and a finished one changes nothing. Ends with 3 when a run was refused; all others are merged then.
    """
    from themis.core.stores.registry import merge_stores

    report = merge_stores(files, _location(into), None if prefer is None else Prefer(prefer), _teller())
    for source in report.sources:
        for line in (*source.notes, *(refused.why for refused in source.refused)):
            note(f"{source.source}: {line}")
    if is_for_people():
        _show(report)
    else:
        emit(report.document())
    if report.refused:
        ctx.exit(BAD_NEWS)


def _teller() -> Callable[[str], None]:
    """Return what says on standard error how far a long merge is: not at once, and not often."""
    last = time.monotonic()

    def tell(said: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN:
            last = time.monotonic()
            note(said)

    return tell


def _location(into: str) -> "StoreLocation":
    """The store that `--into` names."""
    from themis.cli.targets import location_in

    path = Path(into)
    if path.suffix in _CONFIGS:
        return location_in(path, ())
    if path.is_dir():
        raise InputError(detail=f"{path}: is a folder; name the file of a store, such as {path / 'themis.sqlite3'}")
    return location_named(into)


def _show(report: MergeReport) -> None:
    for source in report.sources:
        say(f"{source.source}: {_added(source)}")
    said = "has all of it now" if report.changed else "nothing changed, as it had everything already"
    if report.refused:
        said = f"has all but {counted(report.refused, 'refused run')}"
    say(f"{report.target}: {said}")


def _added(source: SourceReport) -> str:
    found = [counted(number, thing) for name, thing in _THINGS.items() if (number := getattr(source.added, name))]
    said = (
        f"{', '.join(found)} added" if found else "nothing new" if source.added.is_nothing else "only details are new"
    )
    complete = f"; {counted(len(source.completed), 'run')} complete now" if source.completed else ""
    refused = f"; {counted(len(source.refused), 'run')} refused" if source.refused else ""
    return said + complete + refused
