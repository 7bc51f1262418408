"""A collector of OpenTelemetry on loopback: it takes OTLP over HTTP, as protobuf, and remembers what it was sent."""

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACES, METRICS, LOGS = "/v1/traces", "/v1/metrics", "/v1/logs"


@dataclass(frozen=True)
class SpanSent:
    """A span; ids are hexadecimal, and `parent` is empty for a root."""

    trace: str
    span: str
    parent: str
    name: str
    kind: int
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    status: int
    status_text: str


@dataclass(frozen=True)
class EventSent:
    """An event, and the span that it is linked to."""

    name: str
    trace: str
    span: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class PointSent:
    """A point of a histogram."""

    name: str
    unit: str
    bounds: list[float]
    count: int
    total: float
    attributes: dict[str, Any]


@dataclass
class Collector:
    """The collector, in a `with` block.

    Attributes:
        bodies: what it was sent, by path.
        headers: those of each request.
    """

    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.bodies.append((self.path, body))
                collector.headers.append({name.lower(): text for name, text in self.headers.items()})
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The attributes of each resource that sent spans."""
        return [_attributes(one.resource.attributes) for one in self._traces()]

    @property
    def spans(self) -> list[SpanSent]:
        return [
            SpanSent(
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.name,
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                _attributes(span.attributes),
                [(event.name, _attributes(event.attributes)) for event in span.events],
                span.status.code,
                span.status.message,
            )
            for one in self._traces()
            for scope in one.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[SpanSent]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    @property
    def events(self) -> list[EventSent]:
        found = []
        for body in self._sent(LOGS):
            for one in ExportLogsServiceRequest.FromString(body).resource_logs:
                for scope in one.scope_logs:
                    found += [
                        EventSent(
                            record.event_name,
                            record.trace_id.hex(),
                            record.span_id.hex(),
                            _attributes(record.attributes),
                        )
                        for record in scope.log_records
                    ]
        return found

    @property
    def points(self) -> list[PointSent]:
        """The points of histograms, as they were sent last."""
        found = {}
        for body in self._sent(METRICS):
            for one in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in one.scope_metrics:
                    for metric in scope.metrics:
                        for point in metric.histogram.data_points:
                            said = _attributes(point.attributes)
                            key = (metric.name, repr(sorted(said.items())))
                            found[key] = PointSent(
                                metric.name, metric.unit, list(point.explicit_bounds), point.count, point.sum, said
                            )
        return list(found.values())

    def _sent(self, path: str) -> list[bytes]:
        return [body for where, body in list(self.bodies) if where == path]

    def _traces(self) -> list[Any]:
        return [one for body in self._sent(TRACES) for one in ExportTraceServiceRequest.FromString(body).resource_spans]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
