"""`themis diff`: why two runs have different ids, and what the second would use of the first."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option
from themis.cli.errors import BAD_NEWS
from themis.cli.offers import values
from themis.cli.stored.run_names import NamedPlaces, is_id, store_option
from themis.cli.targets import open_experiment
from themis.cli.terminal.output import emit, is_for_people, say

if TYPE_CHECKING:
    from themis.core.run_differences import RunDifference, Side
    from themis.core.stores.reading import StoreLocation

_ID_CHARACTERS = 16


@command(
    "diff",
    "themis diff before.yaml after.yaml",
    "themis diff 4f1c09 experiment.yaml",
    "themis diff 4f1c09 77ab21 --store elsewhere/runs.db --json",
)
@click.argument("first", metavar="A", shell_complete=values.targets)
@click.argument("second", metavar="B", shell_complete=values.targets)
@store_option
@json_option
def diff(*, first: str, second: str, store: "StoreLocation | None", as_json: bool) -> int:
    """Say why two runs have different ids: A and B are config files, or names or ids of stored runs.

    Exits with 0 when they are one run, and with 3 when they are not.
    """
    from themis.core.run_differences import difference_of

    names = (first, second)
    with ExitStack() as stack:
        named = NamedPlaces(stack, names, store)
        found = difference_of(*(_side(name, named) for name in names))
    if as_json or not is_for_people():
        emit(found.model_dump(mode="json"))
    else:
        _show(found)
    return 0 if found.same else BAD_NEWS


def _side(name: str, named: NamedPlaces) -> "Side":
    from themis.core.run_differences import compiled_side, stored_side

    if not is_id(name):
        return compiled_side(open_experiment(Path(name), ()).compiled())
    place = named.find(name)
    return stored_side(place.store, place.run_id)


def _show(found: "RunDifference") -> None:
    one, other = (run_id[:_ID_CHARACTERS] for run_id in found.run_ids)
    say(f"A and B are one run: {one}" if found.same else f"A is run {one}, B is run {other}: they differ in")
    for field in found.fields:
        say(f"  {field.key}: {field.difference}")
    for edit in found.code:
        say(f"The source of {edit.component_id} ({edit.key}) was edited, its fingerprint is the same: {edit.parts}")
    if found.reused:
        say("If both are in one store, B uses of A, where A has it")
        for reused in found.reused:
            say(f"  {reused.results}: {reused.cases:,} of {reused.total:,}")
