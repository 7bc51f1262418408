"""Output of `themis catalog list --components`: each component with its kind, its version and where it comes from."""

from typing import TYPE_CHECKING, Any

from themis.cli.terminal.component_output import expect_components
from themis.cli.terminal.fitted_table import Column, fitted, terminal_width
from themis.cli.terminal.output import emit, is_for_people, note, one_line, say

if TYPE_CHECKING:
    from themis.core.components.listing import ListedComponent

_COLUMNS = (
    Column("component", least=16),
    Column("kind"),
    Column("version", drop=2),
    Column("from", least=12),
    Column("is", least=16, drop=1),
)


def say_components(*, as_json: bool) -> None:
    """Print all components and datasets; what cannot be used is named on standard error too, with the reason."""
    from themis.core.components.listing import list_components

    expect_components()
    found = list_components()
    if not is_for_people(as_json=as_json):
        emit({"components": [_document(one) for one in found]})
    else:
        for line in fitted(_COLUMNS, [_row(one) for one in found], terminal_width()):
            say(line)
    for one in found:
        if one.problem is not None:
            note(one_line(f"{one.component_id} of {_package(one)} cannot be used: {one.problem}"))


def _row(one: "ListedComponent") -> list[Any]:
    return [one.component_id, one.kind, one.version, "built-in" if one.is_built_in else _package(one), one.path]


def _package(one: "ListedComponent") -> str:
    return f"{one.distribution} {one.distribution_version}".rstrip()


def _document(one: "ListedComponent") -> dict[str, Any]:
    return {
        "id": one.component_id,
        "kind": one.kind,
        "version": one.version,
        "built_in": one.is_built_in,
        "distribution": one.distribution,
        "distribution_version": one.distribution_version,
        "path": one.path,
        "problem": one.problem,
    }
