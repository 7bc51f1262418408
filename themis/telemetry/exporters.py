"""Exporters that the environment names, each wrapped so that a failure is counted, and never more than that."""

import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from themis.core.errors import ConfigError
from themis.core.text.nearest import nearest_hint

_USUAL_PROTOCOL = "http/protobuf"
_OF_PROTOCOL = {"http/protobuf": "otlp_proto_http", "http/json": "otlp_json_http", "grpc": "otlp_proto_grpc"}
_NONE = "none"
_OTLP = "otlp"


class Failures:
    """Count of failures.

    Attributes:
        count: batches that could not be sent.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.count = 0


class CountedExporter:
    """An exporter whose failures are counted."""

    def __init__(self, exporter: Any, failures: Failures) -> None:
        """Export by `exporter`, and count what it fails at in `failures`."""
        self._exporter = exporter
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        """Return what the exporter has under that name."""
        return getattr(self._exporter, name)

    def export(self, *batch: Any, **options: Any) -> Any:
        """Export a batch; a failure is counted."""
        try:
            result = self._exporter.export(*batch, **options)
        except Exception:
            self._failures.count += 1
            raise
        if getattr(result, "name", "SUCCESS") != "SUCCESS":
            self._failures.count += 1
        return result


def exporters(signal: str, failures: Failures, environ: Mapping[str, str] = os.environ) -> list[CountedExporter]:
    """Return the exporters of a signal: `traces`, `metrics` or `logs`; OTLP over HTTP unless the environment says else.

    Raises:
        ConfigError: one is not installed, or cannot be made of what the environment says.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()] or [_OTLP]
    return [
        CountedExporter(_made(variable, _full_name(name, signal, environ), signal), failures)
        for name in names
        if name != _NONE
    ]


def _full_name(name: str, signal: str, environ: Mapping[str, str]) -> str:
    if name != _OTLP:
        return name
    variables = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    variable = next((one for one in variables if environ.get(one)), variables[-1])
    protocol = environ.get(variable) or _USUAL_PROTOCOL
    if protocol not in _OF_PROTOCOL:
        hint = nearest_hint(protocol, _OF_PROTOCOL)
        raise ConfigError(where=variable, detail=f"no protocol {protocol!r} of OTLP{hint}")
    return _OF_PROTOCOL[protocol]


def _made(variable: str, name: str, signal: str) -> Any:
    installed = entry_points(group=f"opentelemetry_{signal}_exporter")
    found = next(iter(installed.select(name=name)), None)
    if found is None:
        known = ", ".join(sorted(installed.names))
        raise ConfigError(where=variable, detail=f"the exporter {name} is not installed; there are {known} and none")
    try:
        return found.load()()
    except Exception as error:
        detail = f"the exporter {name} cannot be made: {type(error).__name__}: {error}"
        raise ConfigError(where=variable, detail=detail) from error
