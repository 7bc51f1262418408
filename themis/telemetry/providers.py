"""Providers of traces, metrics and events: those of the program, if it has set some, else ours by the environment."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, get_logger_provider
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk import metrics as sdk_metrics
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.trace import Tracer, TracerProvider

from themis import __version__
from themis.core.configuration.secrets import redact_urls
from themis.core.errors import ConfigError
from themis.core.text import masking
from themis.telemetry import quiet
from themis.telemetry.collector_keys import mask_keys
from themis.telemetry.exporters import CountedExporter, Failures, exporters

logger = logging.getLogger("themis.telemetry")

FLUSH_S = 3.0
"""Seconds that a run waits at its end for what is not sent yet."""

_POLL_S = 0.01
_SCOPE = "themis"
_UNNAMED = "unknown_service"
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_USUAL_ENDPOINT = "http://localhost:4318"


@dataclass(slots=True)
class Providers:
    """Tracer, meter and logger of one run, and their end.

    Attributes:
        ends: each sends what is left of one signal, and ends it.
        made: the exporters that were made for this run.
        failures: what they could not send.
        words: what the library said of it; None when the program's own providers are used.
    """

    tracer: Tracer
    meter: Meter
    logger: Logger
    ends: list[Callable[[], object]] = field(default_factory=list)
    made: list[CountedExporter] = field(default_factory=list)
    failures: Failures = field(default_factory=Failures)
    words: quiet.LastWords | None = None

    async def close(self) -> None:
        """Send what is left, for `FLUSH_S` seconds at most; what is not sent by then is lost, with a remark."""
        threads = [threading.Thread(target=_quietly, args=(end,), daemon=True) for end in self.ends]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + FLUSH_S
        try:
            while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)  # a thread cannot set an event of the loop once that is closed
        finally:
            late = [thread for thread in threads if thread.is_alive()]
            for exporter in self.made if late else ():
                _quietly(exporter.shutdown)
            if late or self.failures.count or (self.words is not None and self.words.text is not None):
                self._remark()
            threading.Thread(target=self._leave, args=(late,), daemon=True).start()

    def _leave(self, late: list[threading.Thread]) -> None:
        """Show again what the library says, when the last of it has ended: it complains of being stopped."""
        for thread in late:
            thread.join()
        if self.words is not None:
            quiet.leave(self.words)

    def _remark(self) -> None:
        where = os.environ.get(_ENDPOINT) or _USUAL_ENDPOINT
        said = "" if self.words is None or self.words.text is None else f": {self.words.text}"
        logger.warning(
            "tracing: not everything could be sent to %s%s; the run and its results are not affected",
            masking.mask(str(redact_urls(where))),
            said,
        )


def open_providers() -> Providers:
    """Return the providers of a run: the program's own where it has set some, else new ones.

    Raises:
        ConfigError: the environment names an exporter that is not installed, or a value that cannot be.
    """
    mask_keys()
    ours, words = _Ours(), quiet.listen()
    try:
        tracers, meters, loggers = ours.tracers(), ours.meters(), ours.loggers()
    except BaseException as error:
        quiet.leave(words)
        if isinstance(error, ValueError) and not isinstance(error, ConfigError):
            raise ConfigError(where="OTEL_…", detail=f"OpenTelemetry cannot be set up: {error}") from error
        raise
    if not ours.made:
        quiet.leave(words)
    return Providers(
        tracers.get_tracer(_SCOPE, __version__),
        meters.get_meter(_SCOPE, __version__),
        loggers.get_logger(_SCOPE, __version__),
        ends=ours.ends,
        made=ours.made,
        failures=ours.failures,
        words=words if ours.made else None,
    )


class _Ours:
    """The providers of one run as they are made, one for each signal."""

    def __init__(self) -> None:
        self.ends: list[Callable[[], object]] = []
        self.made: list[CountedExporter] = []
        self.failures = Failures()
        self._resource: Resource | None = None

    def tracers(self) -> TracerProvider:
        found = trace.get_tracer_provider()
        if isinstance(found, sdk_trace.TracerProvider):
            self.ends.append(found.force_flush)
            return found
        provider = sdk_trace.TracerProvider(resource=self._named(), shutdown_on_exit=False)
        for exporter in self._exporters("traces"):
            provider.add_span_processor(BatchSpanProcessor(exporter))  # type: ignore[arg-type]  # it stands for one
        self.ends.append(provider.shutdown)
        return provider

    def meters(self) -> MeterProvider:
        found = metrics.get_meter_provider()
        if isinstance(found, sdk_metrics.MeterProvider):
            self.ends.append(found.force_flush)
            return found
        made = self._exporters("metrics")
        readers = [PeriodicExportingMetricReader(exporter) for exporter in made]  # type: ignore[arg-type]
        provider = sdk_metrics.MeterProvider(readers, resource=self._named(), shutdown_on_exit=False)
        self.ends.append(provider.shutdown)
        return provider

    def loggers(self) -> LoggerProvider:
        found = get_logger_provider()
        if isinstance(found, sdk_logs.LoggerProvider):
            self.ends.append(found.force_flush)
            return found
        provider = sdk_logs.LoggerProvider(resource=self._named(), shutdown_on_exit=False)
        for exporter in self._exporters("logs"):
            provider.add_log_record_processor(BatchLogRecordProcessor(exporter))  # type: ignore[arg-type]
        self.ends.append(provider.shutdown)
        return provider

    def _exporters(self, signal: str) -> list[CountedExporter]:
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return []
        found = exporters(signal, self.failures)
        self.made += found
        return found

    def _named(self) -> Resource:
        """The resource that the environment describes; without a name of its own it is called like the project."""
        if self._resource is None:
            found = Resource.create()
            if str(found.attributes.get(SERVICE_NAME, _UNNAMED)).startswith(_UNNAMED):
                found = found.merge(Resource({SERVICE_NAME: _SCOPE}))
            self._resource = found
        return self._resource


def _quietly(end: Callable[[], object]) -> None:
    try:
        end()
    except Exception:
        logger.debug("the end of a signal failed", exc_info=True)
