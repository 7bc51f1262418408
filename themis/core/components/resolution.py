"""Resolution of components: from a user's specification to the live object and its reference."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.builtins import BUILTINS
from themis.core.components.importing import find_named, known_ids
from themis.core.components.methods import fault_of
from themis.core.components.metric_families import FAMILIES, PURE, family_of
from themis.core.components.references import (
    ComponentRef,
    ComponentTarget,
    covering,
    described,
    reference,
    shown,
)
from themis.core.components.source_code import sources_of
from themis.core.components.wrong_factories import argument_fault, class_fault, function_fault
from themis.core.config import checked_component
from themis.core.configuration.secrets import resolve_references
from themis.core.errors import ComponentError, MissingSecretError, ThemisError, WrongComponentKindError
from themis.core.judging.generator_as_judge import GeneratorAsJudge

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
JUDGE = Kind("judge", "judge")
_KIND_BY_NAME = {kind.name: kind for kind in (GENERATOR, SELECTOR, REDUCER, PARSER, METRIC, JUDGE)}
_NAMED_KINDS = (METRIC, JUDGE)


@dataclass(frozen=True, slots=True)
class LoadedComponent:
    """A live component with its reference, which covers the components inside it.

    Attributes:
        live: the component.
        ref: its reference.
        folders: searched for its files.
        inner: the components inside it.
    """

    live: Any
    ref: ComponentRef
    folders: tuple[str, ...] = ()
    inner: "tuple[LoadedComponent, ...]" = ()

    def reference_now(self, *, where: str) -> ComponentRef:
        """Return its reference as it is now, without its source.

        Raises:
            ComponentError: see `reference`.
        """
        ref = reference(self.live, self.ref.target, where=where, folders=self.folders)
        return covering(ref, [one.reference_now(where=where) for one in self.inner])

    def uses(self) -> Iterator[str]:
        """Yield its name in the configuration, and those of the components inside it; a live object has none."""
        if self.ref.target is not None:
            yield self.ref.target.use
        for one in self.inner:
            yield from one.uses()


def load_component(
    spec: Any, kind: Kind, *, where: str, allow_modules: Sequence[str] | None = None, folders: Sequence[str] = ()
) -> LoadedComponent:
    """Load the component that `spec` stands for.

    Args:
        spec: an id, `package.module:name`, `{use, with}`, or a live object.
        kind: its role; a generator that is to judge is made a judge.
        where: the place in the configuration, for messages.
        allow_modules: prefixes of the modules that may be imported; None allows all.
        folders: searched for the files that it names, beside its module's folder.

    Raises:
        ComponentError: it does not exist, cannot be imported or created, or is of another kind.
    """
    target = target_of(spec)
    inner: list[LoadedComponent] = []
    if target is not None and target.named is not None and kind not in _NAMED_KINDS:
        raise ComponentError(
            where=where, reference=repr(target.use), detail="only metrics and judges are named by `as`"
        )
    if target is None:
        fault = function_fault(spec, kind.name, kind.method, None) or class_fault(spec)
        _refuse(fault, getattr(spec, "__name__", ""), where)
        live, module, distribution = spec, None, None
    else:
        named = find_named(target.use, where, kind=kind.name)
        where, module, distribution = named.where, named.module, named.distribution
        found = named.load(allow_modules)
        _refuse(function_fault(found, kind.name, kind.method, target.use), target.use, where)
        live, target, inner = _make(target, found, _Place(where, allow_modules, folders))
    made, live = live, _as_judge(live, where) if kind is JUDGE else live
    _check_kind(live, kind, where)
    ref = reference(live, target, where=where, folders=folders)
    sources = sources_of(type(made).__mro__, module, distribution)
    if sources is not None:
        ref = ref.model_copy(update={"source_hash": sources.digest, "sources": sources.parts})
    inner = inner or _live_inside(live, where, folders)
    return LoadedComponent(live, covering(ref, [one.ref for one in inner]), tuple(folders), tuple(inner))


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
        return ComponentTarget(use=spec["use"], arguments=spec.get("with") or {}, named=spec.get("as"))
    return None


def make_importable(folder: Path | str) -> None:
    """Allow `package.module:name` to name modules in `folder`, after everything that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def list_component_ids() -> list[str]:
    """Return the ids of the shipped components and of installed plug-ins."""
    return known_ids()


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a component in the configuration, and what its parts are loaded with."""

    where: str
    allow_modules: Sequence[str] | None
    folders: Sequence[str]


def _make(target: ComponentTarget, factory: Any, place: _Place) -> tuple[Any, ComponentTarget, list[LoadedComponent]]:
    """Return the component that an object is or makes.

    With it come its target, with the arguments that its class adds, and the components among these.
    """
    where = place.where
    # An object whose id cannot be read is an instance too: `reference` reports what is wrong with it.
    component_id = None if isinstance(factory, type) else _attribute(factory, "component_id", _ABSENT)
    if not isinstance(factory, type) and (component_id is None or isinstance(component_id, str)):
        if target.arguments:
            raise ComponentError(
                where=where, reference=repr(target.use), detail="is an instance and takes no arguments"
            )
        return factory, target, []
    if not callable(factory):
        raise ComponentError(
            where=where, reference=repr(target.use), detail="is neither a component nor a factory of one"
        )
    if added := getattr(factory, "default_arguments", None):
        target = target.model_copy(update={"arguments": {**target.arguments, **added(target.arguments)}})
    components, inner = _inner_among(target.arguments, factory, place)
    others = {name: value for name, value in target.arguments.items() if name not in components}
    arguments = resolve_references(others, where=where) | components
    arguments |= _imported_among(arguments, factory, where, place.allow_modules)
    _refuse(argument_fault(factory, arguments, target.use), target.use, where)
    try:
        return factory(**arguments), target, inner
    except ThemisError:
        raise
    except (Exception, SystemExit) as error:
        raise ComponentError(
            where=where, reference=repr(target.use), detail=f"cannot be made: {described(error)}"
        ) from error


def _refuse(fault: str | None, name: str, where: str) -> None:
    if fault is not None:
        raise ComponentError(where=where, reference=repr(name), detail=fault)


def _inner_among(
    arguments: dict[str, Any], factory: Any, place: _Place
) -> tuple[dict[str, Any], list[LoadedComponent]]:
    """Load the arguments that are components, or lists of them; return the arguments, and all that was loaded.

    A class names these arguments in `component_arguments`, each with the kind of its components.
    """
    found: dict[str, Any] = {}
    loaded: list[LoadedComponent] = []

    def load(spec: Any, kind_name: str, where: str) -> Any:
        kind, modules = _KIND_BY_NAME[kind_name], place.allow_modules
        try:
            spec = checked_component(spec)
            loaded.append(load_component(spec, kind, where=where, allow_modules=modules, folders=place.folders))
        except (ComponentError, MissingSecretError):
            raise  # which name the place
        except ValueError as error:
            raise ComponentError(where=where, reference=shown(spec), detail=str(error)) from None
        return loaded[-1].live

    for name, kind_name in (_attribute(factory, "component_arguments", None) or {}).items():
        spec, where = arguments.get(name), f"{place.where}.with.{name}"
        if isinstance(spec, list):
            found[name] = [load(one, kind_name, f"{where}.{number}") for number, one in enumerate(spec)]
        elif spec is not None:
            found[name] = load(spec, kind_name, where)
    return found, loaded


def _live_inside(live: Any, where: str, folders: Sequence[str]) -> list[LoadedComponent]:
    """Return the components that a live one has been made with, of any kind: it names them in `inner_components`."""
    found = []
    for one in _attribute(live, "inner_components", None) or ():
        kind = next((kind for kind in _KIND_BY_NAME.values() if hasattr(one, kind.method)), PARSER)
        found.append(load_component(one, kind, where=where, folders=folders))
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
        found[name] = find_named(path, f"{where}.with.{name}").load(allow_modules)
    return found


def _check_kind(live: Any, kind: Kind, where: str) -> None:
    name = _attribute(live, "component_id", type(live).__name__)
    method = _method_of(live, kind, where)
    for required in ("component_id", "version", "fingerprint", method):
        if _attribute(live, required, _ABSENT) is _ABSENT:
            raise WrongComponentKindError(where=where, reference=name, kind=kind.name, missing=required)
    if not callable(_attribute(live, method, None)):
        raise WrongComponentKindError(where=where, reference=name, kind=kind.name, missing=f"method {method}")
    if fault := fault_of(live, method):
        raise ComponentError(where=where, reference=repr(name), detail=fault)


def _method_of(live: Any, kind: Kind, where: str) -> str:
    """Return the method that a component of that kind requires."""
    if kind is not METRIC:
        return kind.method
    family = family_of(live)
    if family not in FAMILIES:
        name = _attribute(live, "component_id", type(live).__name__)
        detail = f"metric_family is {family!r}, and must be one of {', '.join(FAMILIES)}"
        raise ComponentError(where=where, reference=repr(name), detail=detail)
    return kind.method if family == PURE else "build_workflow"


def _as_judge(live: Any, where: str) -> Any:
    """Return a judge: the component itself, or what asks it, if all that it can do is generate."""
    if callable(_attribute(live, JUDGE.method, None)) or not callable(_attribute(live, GENERATOR.method, None)):
        return live
    _check_kind(live, GENERATOR, where)
    return GeneratorAsJudge(live)


def _attribute(live: Any, name: str, otherwise: Any) -> Any:
    """Return an attribute of a component; one that cannot be read counts as present: `reference` reports it."""
    try:
        return getattr(live, name, otherwise)
    except (Exception, SystemExit):  # noqa: BLE001  # a property may raise anything
        return None
