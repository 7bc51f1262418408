"""Libraries that a component's results depend on, by the names under which they are installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from themis.core.builtins.component import BuiltinComponent
from themis.core.components.provenance import distribution_of
from themis.core.components.source_code import installed_in

if TYPE_CHECKING:
    from themis.core.components.resolution import LoadedComponent


def libraries_of(component: "LoadedComponent") -> Iterator[str]:
    """Yield the libraries of a component, and of those inside it.

    They are what a shipped component says that its results depend on, and what the source of others imports. Which
    distribution an imported package comes from is not always known; such a package is left out.
    """
    if isinstance(component.live, BuiltinComponent):
        yield from component.live.libraries_used
    for name in installed_in(component.ref.sources or {}):
        found = distribution_of(name)
        if found is not None:
            yield found
    for one in component.inner:
        yield from libraries_of(one)
