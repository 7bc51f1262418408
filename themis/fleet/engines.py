"""Engines by name, each imported when it is used."""

import importlib
from typing import TYPE_CHECKING, Any

from themis.core.errors import FleetError

if TYPE_CHECKING:
    from themis.fleet.engine import Engine

_ENGINES: dict[str, tuple[str, str, frozenset[str]]] = {
    "slurm": ("themis.fleet.slurm.engine", "SlurmEngine", frozenset()),
    "kubernetes": (
        "themis.fleet.kubernetes.engine",
        "KubernetesEngine",
        frozenset({"namespace", "image", "secret"}),
    ),
    "ray": ("themis.fleet.ray.engine", "RayEngine", frozenset({"address"})),
}

NAMES = tuple(_ENGINES)
"""Names of all engines."""


def engine_named(name: str, fleet: str, **options: Any) -> "Engine":
    """Return an engine.

    Args:
        name: one of `NAMES`.
        fleet: name of the fleet, for messages.
        **options: options of single engines; None for one that was not given.

    Raises:
        FleetError: the engine has no such option.
        EngineMissingError: its library is not installed.
    """
    module, attribute, known = _ENGINES[name]
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in known:
            others = [other for other, (*_, of) in _ENGINES.items() if option in of]
            raise FleetError(fleet=fleet, detail=f"--{option} is for --on {' or '.join(others)}, not for {name}")
    engine: Engine = getattr(importlib.import_module(module), attribute)(**given)
    return engine
