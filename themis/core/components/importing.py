"""Import of what a configuration names: by a shipped id, by that of a plug-in, or as `package.module:name`."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from themis.core.components.plugins import (
    COMPONENT_GROUP,
    COMPONENT_GROUPS,
    SHIPPED,
    Plugin,
    find_plugin,
    installed_plugins,
)
from themis.core.components.references import described
from themis.core.components.suggestions import component_hint
from themis.core.components.wrong_names import colon_hint, missing_module, missing_object
from themis.core.errors import ComponentImportError, UnknownComponentError
from themis.core.text.nearest import nearest_hint


@dataclass(frozen=True, slots=True)
class NamedObject:
    """Location of an object that a configuration names.

    Attributes:
        use: its name there.
        where: the place in the configuration, for messages, with the package of a plug-in.
        path: `package.module:name`; empty when a plug-in declares something else.
        plugin: the plug-in that it is; None for a shipped one, and for one that is named by its path.
    """

    use: str
    where: str
    path: str
    plugin: Plugin | None = None

    @property
    def module(self) -> str:
        """Dotted name of its module."""
        return self.path.partition(":")[0]

    @property
    def distribution(self) -> tuple[str, str] | None:
        """Name and version of the package of a plug-in; None for another object."""
        return None if self.plugin is None else (self.plugin.distribution, self.plugin.version)

    def load(self, allow_modules: Sequence[str] | None = None) -> Any:
        """Import it.

        Args:
            allow_modules: prefixes of the modules that may be imported, beside those of Themis; None allows all.

        Raises:
            ComponentImportError: it cannot be imported; the message says why.
        """
        if (fault := self._fault(allow_modules)) is not None:
            raise self._error(fault)
        try:
            found: Any = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            is_it = f"{self.module}.".startswith(f"{error.name}.")
            raise self._error(missing_module(str(error.name)) if is_it else described(error)) from error
        except (Exception, SystemExit) as error:
            raise self._error(described(error)) from error
        return self._within(found)

    def _within(self, found: Any) -> Any:
        """Return the object within its module."""
        for part in self.path.partition(":")[2].split("."):
            try:
                inner = getattr(found, part)
            except AttributeError as error:
                raise self._error(missing_object(found, part)) from error
            except (Exception, SystemExit) as error:
                raise self._error(described(error)) from error
            found = inner
        return found

    def _fault(self, allow_modules: Sequence[str] | None) -> str | None:
        """Return the reason why it is not even tried; None when there is none."""
        if not self.path:
            return "is not package.module:name"
        if self.use in SHIPPED or allow_modules is None or _allowed(self.module, allow_modules):
            return None
        return f"module {self.module} is not among the allowed ones"

    def _error(self, reason: str) -> ComponentImportError:
        declared = "" if self.plugin is None else f"entry point {self.plugin.entry_point}: "
        return ComponentImportError(where=self.where, reference=self.use, detail=f"{declared}{reason}")


def find_named(
    use: str, where: str, *, groups: Sequence[str] = COMPONENT_GROUPS, kind: str | None = None
) -> NamedObject:
    """Return the location of the object that `use` names; nothing is imported.

    Args:
        use: an id, or `package.module:name`.
        where: the place in the configuration, for messages.
        groups: the entry-point groups in which a plug-in may declare the id.
        kind: the kind of component that is needed, for what a message suggests; None for any.

    Raises:
        UnknownComponentError: nothing has that id.
        PluginRefusedError: the id is reserved, or more than one package offers it.
    """
    shipped = SHIPPED.get(use) if COMPONENT_GROUP in groups else None
    if path := shipped or (use if ":" in use else ""):
        return NamedObject(use, where, path)
    plugin = find_plugin(use, groups, where=where)
    if plugin is None:
        ids = known_ids(groups)
        hint = colon_hint(use) or nearest_hint(use, ids)
        if COMPONENT_GROUP in groups and not colon_hint(use):
            hint = component_hint(use, kind, [name for name in ids if name not in SHIPPED])
        raise UnknownComponentError(where=where, reference=use, nearest=hint)
    return NamedObject(use, f"{where} ({plugin.package})", plugin.path, plugin)


def known_ids(groups: Sequence[str] = COMPONENT_GROUPS) -> list[str]:
    """Return the ids that plug-ins declare in some groups, and the shipped ones if components are among them."""
    shipped = SHIPPED if COMPONENT_GROUP in groups else ()
    return sorted({*shipped, *(plugin.plugin_id for plugin in installed_plugins(groups))})


def is_known_id(use: str) -> bool:
    """Whether a component has this id; the installed packages are looked through only if Themis brings none."""
    return use in SHIPPED or use in known_ids()


def _allowed(module: str, prefixes: Sequence[str]) -> bool:
    return any(module == prefix.rstrip(".") or module.startswith(prefix.rstrip(".") + ".") for prefix in prefixes)
