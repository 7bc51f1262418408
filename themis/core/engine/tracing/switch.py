"""The switch of tracing: a key of the configuration, or a variable for all runs of a process."""

import os
from collections.abc import Mapping

from themis.core.config import RuntimeConfig
from themis.core.errors import ConfigError

VARIABLE = "THEMIS_TRACING"
"""Variable of the environment that turns tracing on, for a worker and all of its jobs, say."""

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"", "0", "false", "no", "off"})
_OF_OPENTELEMETRY = "OTEL_"


def is_traced(runtime: RuntimeConfig, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a run is traced: as its configuration says, and where that says nothing, as the environment does.

    Raises:
        ConfigError: the variable has a value that says neither.
    """
    if runtime.tracing is not None:
        return runtime.tracing is not False
    said = environ.get(VARIABLE, "").strip().lower()
    if said not in _ON | _OFF:
        raise ConfigError(where=VARIABLE, detail=f"it is 1 to trace runs and 0 not to, not {said!r}")
    return said in _ON


def tracing_variables(runtime: RuntimeConfig, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the variables that say where a traced run is sent, some of which look like secrets; {} for no traced run.

    Raises:
        ConfigError: the variable that turns tracing on has an unknown value.
    """
    names = (name for name in environ if name.startswith(_OF_OPENTELEMETRY))
    return frozenset(names) if is_traced(runtime, environ) else frozenset()
