"""Exporters of a worker's metrics for Prometheus: a port, and a file for node_exporter's textfile collector.

Both use Prometheus' own client, which is imported only here, and only when one of them is requested.
"""

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from themis.core.components.provenance import DISTRIBUTION
from themis.core.errors import ConfigError, MissingExtraError
from themis_workers.telemetry import logs
from themis_workers.telemetry.metrics import WorkerMetrics

WRITE_EVERY_S = 10.0
"""Seconds between two writes of a metrics file; Prometheus rarely scrapes more often."""


class MetricsServer:
    """Serves a worker's metrics over HTTP, in threads of its own.

    Args:
        metrics: to serve.
        port: to listen on; 0 for any that is free.
        address: to listen on; only a loopback address keeps other machines from reading.

    Attributes:
        port: that it listens on.

    Raises:
        ConfigError: it cannot listen there.
        MissingExtraError: Prometheus' client is not installed.
    """

    def __init__(self, metrics: WorkerMetrics, port: int, address: str = "127.0.0.1") -> None:
        client = _client("--metrics-port")
        try:
            self._server, self._thread = client.start_http_server(port, address, _registry(client, metrics))
        except (OSError, OverflowError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigError(where="metrics", detail=f"cannot listen on {address}:{port}: {why}") from None
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop listening; the port is free afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class MetricsFile:
    """Writes a worker's metrics to a file, whole each time, in a thread of its own.

    Args:
        metrics: to write.
        path: of the file; node_exporter reads names that end in `.prom`.
        every_s: seconds between two writes.

    Raises:
        ConfigError: the file cannot be written.
        MissingExtraError: Prometheus' client is not installed.
    """

    def __init__(self, metrics: WorkerMetrics, path: Path, every_s: float = WRITE_EVERY_S) -> None:
        self._path = path.absolute()
        self._every_s = every_s
        self._metrics = metrics
        self._client = _client("--metrics-file")
        self._registry = _registry(self._client, metrics)
        self._over = threading.Event()
        self._failed = False
        try:
            self._write()
        except OSError as error:
            raise ConfigError(where=f"metrics file {path}", detail=f"cannot be written: {error.strerror}") from None
        self._thread = threading.Thread(target=self._keep, name="metrics-file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write once more, with the worker down. The file stays, so that a short-lived worker is counted too."""
        self._over.set()
        self._thread.join()
        self._metrics.ended()
        self._try()

    def _keep(self) -> None:
        while not self._over.wait(self._every_s):
            self._try()

    def _try(self) -> None:
        """Write the file; a failing disk is logged once, until it works again."""
        try:
            self._write()
        except OSError as error:
            if not self._failed:
                logs.warn("metrics file cannot be written", path=str(self._path), error=error.strerror)
            self._failed = True
        else:
            self._failed = False

    def _write(self) -> None:
        self._client.write_to_textfile(str(self._path), self._registry)


class _Collector:
    """A worker's metrics as a collector of Prometheus' client."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        core = importlib.import_module("prometheus_client.core")
        self._kinds = {"gauge": core.GaugeMetricFamily, "counter": core.CounterMetricFamily}
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        for family in self._metrics.families():
            found = self._kinds[family.kind](family.name, family.about, labels=[*family.labels, "worker"])
            for labels, value in family.values.items():
                found.add_metric([*labels, self._metrics.worker], value)
            yield found

    def describe(self) -> list[Any]:
        """Return nothing: registering must not read the queue."""
        return []


def _registry(client: Any, metrics: WorkerMetrics) -> Any:
    """A new registry: metrics in the client's default one clash where several workers write files."""
    registry = client.CollectorRegistry()
    registry.register(_Collector(metrics))
    return registry


def _client(option: str) -> Any:
    try:
        return importlib.import_module("prometheus_client")
    except ImportError:
        raise MissingExtraError(
            reference=option, package="prometheus-client", distribution=DISTRIBUTION, extra="metrics"
        ) from None
