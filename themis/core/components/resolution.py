"""Resolution of components: from a user's specification to the live object and its reference."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from themis.core.builtins import BUILTINS, GENERATORS
from themis.core.components.methods import fault_of
from themis.core.components.references import ComponentRef, ComponentTarget, described, reference, shown
from themis.core.components.source_code import sources_of
from themis.core.configuration.secrets import resolve_references
from themis.core.errors import (
    ComponentError,
    ComponentImportError,
    ThemisError,
    UnknownComponentError,
    WrongComponentKindError,
)
from themis.core.text.nearest import nearest_hint

_SHIPPED = BUILTINS | GENERATORS
ENTRY_POINT_GROUP = "themis.components"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Kind:
    """A role that a component can have, and the method that it requires."""

    name: str
    method: str


GENERATOR = Kind("generator", "generate")
SELECTOR = Kind("selector", "select")
REDUCER = Kind("reducer", "reduce")
PARSER = Kind("parser", "parse")
METRIC = Kind("metric", "score")
_KIND_BY_NAME = {kind.name: kind for kind in (GENERATOR, SELECTOR, REDUCER, PARSER, METRIC)}


@dataclass(frozen=True, slots=True)
class LoadedComponent:
    """A live component with its reference; `folders` were searched for its files."""

    live: Any
    ref: ComponentRef
    folders: tuple[str, ...] = ()


def load_component(
    spec: Any, kind: Kind, *, where: str, allow_modules: Sequence[str] | None = None, folders: Sequence[str] = ()
) -> LoadedComponent:
    """Load the component that `spec` stands for.

    Args:
        spec: an id, `package.module:name`, `{use, with}`, or a live object.
        kind: its role.
        where: the place in the configuration, for messages.
        allow_modules: prefixes of the modules that may be imported; None allows all.
        folders: searched for the files that it names, beside its module's folder.

    Raises:
        ComponentError: it does not exist, cannot be imported or created, or is of another kind.
    """
    target = target_of(spec)
    if target is None:
        live = spec
    else:
        live, target = _make(target, where, allow_modules)
    _check_kind(live, kind, where)
    ref = reference(live, target, where=where, folders=folders)
    sources = sources_of(type(live).__mro__, _path_of(target.use).partition(":")[0] if target else None)
    if sources is not None:
        ref = ref.model_copy(update={"source_hash": sources.digest, "sources": sources.parts})
    return LoadedComponent(live, ref, tuple(folders))


def preload_builtins() -> None:
    """Import the shipped components and read their sources, for this process and those that it forks."""
    for use in BUILTINS.values():
        module, _, name = use.partition(":")
        sources_of(getattr(importlib.import_module(module), name).__mro__, module)


def target_of(spec: Any) -> ComponentTarget | None:
    """Return the import target of `spec`; None for a live object."""
    if isinstance(spec, ComponentTarget):
        return spec
    if isinstance(spec, str):
        return ComponentTarget(use=spec)
    if isinstance(spec, dict):
        return ComponentTarget(use=spec["use"], arguments=spec.get("with") or {})
    return None


def make_importable(folder: Path | str) -> None:
    """Allow `package.module:name` to name modules in `folder`, after everything that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def list_component_ids() -> list[str]:
    """Return the ids of the shipped components and of installed plug-ins."""
    return sorted({*_SHIPPED, *_plugins()})


def _make(target: ComponentTarget, where: str, allow_modules: Sequence[str] | None) -> tuple[Any, ComponentTarget]:
    """Return the component that a target stands for, and the target with the arguments that its class adds."""
    factory = _find(target.use, where, allow_modules)
    # An object whose id cannot be read is an instance too: `reference` reports what is wrong with it.
    component_id = None if isinstance(factory, type) else _attribute(factory, "component_id", _ABSENT)
    if not isinstance(factory, type) and (component_id is None or isinstance(component_id, str)):
        if target.arguments:
            raise ComponentError(
                where=where, reference=repr(target.use), detail="is an instance and takes no arguments"
            )
        return factory, target
    if not callable(factory):
        raise ComponentError(
            where=where, reference=repr(target.use), detail="is neither a component nor a factory of one"
        )
    if added := getattr(factory, "default_arguments", None):
        target = target.model_copy(update={"arguments": {**target.arguments, **added(target.arguments)}})
    arguments = resolve_references(target.arguments, where=where)
    arguments |= _parts_among(arguments, factory, where, allow_modules)
    arguments |= _imported_among(arguments, factory, where, allow_modules)
    try:
        return factory(**arguments), target
    except ThemisError:
        raise
    except (Exception, SystemExit) as error:
        raise ComponentError(
            where=where, reference=repr(target.use), detail=f"cannot be made: {described(error)}"
        ) from error


def _parts_among(
    arguments: dict[str, Any], factory: Any, where: str, allow_modules: Sequence[str] | None
) -> dict[str, Any]:
    """Load the arguments that are components: a class names them in `component_arguments`, each with its kind."""
    found = {}
    for name, kind_name in (_attribute(factory, "component_arguments", None) or {}).items():
        spec, place = arguments.get(name), f"{where}.with.{name}"
        if isinstance(spec, dict) and not isinstance(spec.get("use"), str):
            raise ComponentError(where=place, reference=shown(spec), detail="needs `use: <id or package.module:name>`")
        if spec is not None:
            found[name] = load_component(spec, _KIND_BY_NAME[kind_name], where=place, allow_modules=allow_modules).live
    return found


def _imported_among(
    arguments: dict[str, Any], factory: Any, where: str, allow_modules: Sequence[str] | None
) -> dict[str, Any]:
    """Import the arguments that are `package.module:name`: a class names them in `imported_arguments`."""
    found = {}
    for name in _attribute(factory, "imported_arguments", None) or ():
        path = arguments.get(name)
        if path is None:
            continue
        if not isinstance(path, str) or ":" not in path:
            raise ComponentError(
                where=f"{where}.with.{name}", reference=shown(path), detail="must be package.module:name"
            )
        found[name] = _find(path, f"{where}.with.{name}", allow_modules)
    return found


def _find(use: str, where: str, allow_modules: Sequence[str] | None) -> Any:
    path = _path_of(use)
    if not path:
        raise UnknownComponentError(where=where, reference=use, nearest=nearest_hint(use, list_component_ids()))
    module_name, _, attribute = path.partition(":")
    if use not in _SHIPPED and allow_modules is not None and not _allowed(module_name, allow_modules):
        raise ComponentImportError(
            where=where, reference=use, detail=f"module {module_name} is not among the allowed ones"
        )
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise ComponentImportError(where=where, reference=use, detail=described(error)) from error
    return found


def _path_of(use: str) -> str:
    """Return `package.module:name` of a component; empty when it has none."""
    return _SHIPPED.get(use) or _plugins().get(use) or (use if ":" in use else "")


def _allowed(module: str, prefixes: Sequence[str]) -> bool:
    return any(module == prefix.rstrip(".") or module.startswith(prefix.rstrip(".") + ".") for prefix in prefixes)


def _check_kind(live: Any, kind: Kind, where: str) -> None:
    name = _attribute(live, "component_id", type(live).__name__)
    if (
        kind is METRIC
        and not callable(_attribute(live, "score", None))
        and callable(_attribute(live, "build_workflow", None))
    ):
        raise ComponentError(
            where=where, reference=repr(name), detail="asks a judge, which this version of Themis does not support"
        )
    for required in ("component_id", "version", "fingerprint", kind.method):
        if _attribute(live, required, _ABSENT) is _ABSENT:
            raise WrongComponentKindError(where=where, reference=name, kind=kind.name, missing=required)
    if not callable(_attribute(live, kind.method, None)):
        raise WrongComponentKindError(where=where, reference=name, kind=kind.name, missing=f"method {kind.method}")
    if fault := fault_of(live, kind.method):
        raise ComponentError(where=where, reference=repr(name), detail=fault)


def _attribute(live: Any, name: str, otherwise: Any) -> Any:
    """Return an attribute of a component; one that cannot be read counts as present: `reference` reports it."""
    try:
        return getattr(live, name, otherwise)
    except (Exception, SystemExit):  # noqa: BLE001  # a property may raise anything
        return None


@lru_cache(maxsize=1)
def _plugins() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
