"""Plug-ins: objects that installed packages offer by id, as entry points.

Installed packages are looked through when an id is used that Themis does not bring, not before: that takes tens of
milliseconds. One that is installed while a process runs is found by the next look for an id that is not known yet.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions, entry_points

from themis.core.builtins import BUILTINS, GENERATORS
from themis.core.errors import PluginRefusedError
from themis.core.text.lines import one_line

logger = logging.getLogger("themis.components")

SHIPPED = BUILTINS | GENERATORS
"""Locations of the components that Themis brings, by their ids."""

COMPONENT_GROUP = "themis.components"
GENERATOR_GROUP = "themis.generators"
DATASET_GROUP = "themis.datasets"

COMPONENT_GROUPS = (COMPONENT_GROUP, GENERATOR_GROUP)
DATASET_GROUPS = (DATASET_GROUP,)

_RESERVED = frozenset(shipped.partition("/")[0] for shipped in SHIPPED)


@dataclass(frozen=True, slots=True, order=True)
class Plugin:
    """An entry point of an installed package.

    Attributes:
        plugin_id: the id that an experiment names it by.
        group: the entry-point group that it is declared in.
        entry_point: its location as declared, `package.module:name`.
        distribution: name of the package, as it is installed.
        version: the version of the package.
    """

    plugin_id: str
    group: str
    entry_point: str
    distribution: str
    version: str

    @property
    def package(self) -> str:
        """Name and version of the package."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def path(self) -> str:
        """Its location, without what else a declaration may hold; empty when it declares none."""
        found = EntryPoint.pattern.match(self.entry_point)
        return f"{found['module']}:{found['attr']}" if found and found["attr"] else ""


def find_plugin(plugin_id: str, groups: Sequence[str], *, where: str) -> Plugin | None:
    """Return the plug-in with an id; None when no package offers it.

    Args:
        plugin_id: the id.
        groups: the entry-point groups that may declare it.
        where: the place in the configuration, for messages.

    Raises:
        PluginRefusedError: the id is reserved, or more than one package offers it.
    """
    found = _with_id(plugin_id, groups)
    if not found:
        _read.cache_clear()
        found = _with_id(plugin_id, groups)
    if not found:
        return None
    if (detail := refusal(found[0], found)) is not None:
        raise PluginRefusedError(where=where, reference=plugin_id, packages=_packages(found), detail=detail)
    return found[0]


def installed_plugins(groups: Sequence[str]) -> list[Plugin]:
    """Return all plug-ins that are declared in some groups, in the order of their ids; also those that are refused."""
    return [plugin for plugin in _read() if plugin.group in groups]


def refusal(plugin: Plugin, others: Sequence[Plugin]) -> str | None:
    """Return the reason why a plug-in cannot be used; None when it can.

    Args:
        plugin: the plug-in.
        others: all plug-ins of the same groups.
    """
    first = plugin.plugin_id.partition("/")[0]
    if first in _RESERVED:
        return f"ids that begin with {first!r} are those of Themis; a package needs a name of its own"
    if ":" in plugin.plugin_id or not plugin.plugin_id.isprintable():
        return "an id holds no colon, which is for package.module:name, and no control characters"
    if len({(other.distribution, other.entry_point) for other in others if other.plugin_id == plugin.plugin_id}) > 1:
        return "the id is declared more than once; uninstall a package, or write package.module:name"
    return None


def _packages(plugins: Sequence[Plugin]) -> str:
    """Return the packages of plug-ins with one id."""
    return " and ".join(sorted({plugin.package for plugin in plugins}))


def _with_id(plugin_id: str, groups: Sequence[str]) -> list[Plugin]:
    return [plugin for plugin in installed_plugins(groups) if plugin.plugin_id == plugin_id]


@lru_cache(maxsize=1)
def _read() -> tuple[Plugin, ...]:
    return tuple(sorted({_plugin(point) for point in _entry_points()}))


def _entry_points() -> list[EntryPoint]:
    groups = (*COMPONENT_GROUPS, *DATASET_GROUPS)
    try:
        found = entry_points()
        return [point for group in groups for point in found.select(group=group)]
    except Exception:  # noqa: BLE001  # one package with a damaged list of entry points is in the way of all
        readable = _readable()
        return [point for group in groups for point in readable.select(group=group)]


def _readable() -> EntryPoints:
    """Return the entry points of all packages whose list can be read; the others are named in a warning."""
    points: list[EntryPoint] = []
    seen: set[str] = set()
    for distribution in distributions():
        name = _name_of(distribution)
        if name in seen:  # the first one on the path is the one that is imported
            continue
        seen.add(name)
        try:
            points += distribution.entry_points
        except Exception as error:  # noqa: BLE001  # whatever a damaged file leads to
            reason = one_line(f"{type(error).__name__}: {error}")
            logger.warning("left out: the entry points of the package %s cannot be read (%s)", name, reason)
    return EntryPoints(points)


def _plugin(point: EntryPoint) -> Plugin:
    distribution = point.dist
    name = "an unknown package" if distribution is None else _name_of(distribution)
    return Plugin(point.name, point.group, point.value, name, _version_of(distribution))


def _name_of(distribution: Distribution) -> str:
    try:
        return one_line(distribution.name) or "an unnamed package"
    except Exception:  # noqa: BLE001  # it has no metadata that can be read
        return "an unnamed package"


def _version_of(distribution: Distribution | None) -> str:
    try:
        return "" if distribution is None else one_line(distribution.version)
    except Exception:  # noqa: BLE001  # it has no metadata that can be read
        return ""
