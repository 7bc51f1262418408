"""List of all components and datasets that experiments can name by id: those of Themis, and those of other packages."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from themis.core.components.importing import NamedObject, find_named
from themis.core.components.plugins import (
    COMPONENT_GROUP,
    COMPONENT_GROUPS,
    DATASET_GROUP,
    DATASET_GROUPS,
    SHIPPED,
    Plugin,
    installed_plugins,
)
from themis.core.components.provenance import DISTRIBUTION, themis_version
from themis.core.components.resolution import GENERATOR, JUDGE, METRIC, PARSER, REDUCER, SELECTOR
from themis.core.errors import ComponentError

DATASET = "dataset"
KINDS = (GENERATOR.name, SELECTOR.name, REDUCER.name, PARSER.name, METRIC.name, JUDGE.name, DATASET)
"""What a component or dataset may be."""

_METHODS = {kind.method: kind.name for kind in (GENERATOR, SELECTOR, REDUCER, PARSER, METRIC, JUDGE)} | {
    "build_workflow": METRIC.name
}


@dataclass(frozen=True, slots=True)
class ListedComponent:
    """A component or dataset that an experiment can name.

    Attributes:
        component_id: the id to name it by.
        kind: one of `KINDS`; None when only making it would tell.
        version: its own version; None for a dataset, and when only making it would tell.
        distribution: name of the package that it comes from.
        distribution_version: the version of that package.
        path: its location, `package.module:name`.
        problem: the reason why it cannot be used; None when nothing is known against it.
    """

    component_id: str
    kind: str | None
    version: str | None
    distribution: str
    distribution_version: str
    path: str
    problem: str | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether Themis brings it."""
        return self.distribution == DISTRIBUTION


def list_components() -> list[ListedComponent]:
    """Return all components and datasets, those of Themis first; the modules of all are imported, nothing is made."""
    shipped = [_shipped(use) for use in SHIPPED]
    found = [_of_plugin(plugin) for groups in (COMPONENT_GROUPS, DATASET_GROUPS) for plugin in _each(groups)]
    return [*shipped, *found]


def _each(groups: tuple[str, ...]) -> Iterator[Plugin]:
    """Yield the plug-ins of some groups; one that a package declares in two of them as the same object only once."""
    seen = set()
    for plugin in installed_plugins(groups):
        key = (plugin.plugin_id, plugin.distribution, plugin.entry_point)
        if key not in seen:
            seen.add(key)
            yield plugin


def _shipped(use: str) -> ListedComponent:
    named = find_named(use, "catalog")
    kind, version, problem = _described(named, None)
    return ListedComponent(use, kind, version, DISTRIBUTION, themis_version(), named.path, problem)


def _of_plugin(plugin: Plugin) -> ListedComponent:
    groups = DATASET_GROUPS if plugin.group == DATASET_GROUP else COMPONENT_GROUPS
    kind = {DATASET_GROUP: DATASET, COMPONENT_GROUP: None}.get(plugin.group, GENERATOR.name)
    version, problem = None, None
    if plugin.plugin_id in SHIPPED and kind != DATASET:
        problem = "Themis has a component with this id, which is used instead"
    else:
        try:
            kind, version, problem = _described(find_named(plugin.plugin_id, "catalog", groups=groups), kind)
        except ComponentError as error:
            problem = str(error.facts["detail"])
    facts = (plugin.distribution, plugin.version, plugin.path or plugin.entry_point)
    return ListedComponent(plugin.plugin_id, kind, version, *facts, problem)


def _described(named: NamedObject, kind: str | None) -> tuple[str | None, str | None, str | None]:
    """Return kind, version and problem of an object, as far as they are known without making a component of it."""
    try:
        found = named.load()
    except ComponentError as error:
        return kind, None, str(error.facts["detail"])
    if kind == DATASET:
        return kind, None, None if callable(found) else "is not a function that yields records"
    made = _made_by(found)
    version = getattr(made, "version", None)
    kinds = [name for method, name in _METHODS.items() if callable(getattr(made, method, None))]
    problem = None if kinds or made is None else "is not a component: it has none of the methods of one"
    return kind or next(iter(kinds), None), version if isinstance(version, str) else None, problem


def _made_by(found: Any) -> Any:
    """Return a class or instance, and of a factory the class that it is annotated to return; None when unknown."""
    while isinstance(found, partial):
        found = found.func
    if isinstance(found, type) or not callable(found) or hasattr(found, "component_id"):
        return found
    returned = getattr(found, "__annotations__", {}).get("return")
    return returned if isinstance(returned, type) else None
