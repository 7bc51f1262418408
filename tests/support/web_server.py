"""A real web server that answers as a test says, and what a webhook does with it."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.job_ended import EVENT
from themis_workers.notifications.webhook import Webhook

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A request, answered as the test says."""

    server: "Server"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.answers[min(len(self.server.seen), len(self.server.answers)) - 1](self)

    do_POST = do_GET = handle_any  # noqa: N815  # http.server's names

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # http.server's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Answers each request with the next answer, and the last one for ever; `seen` is what came."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers = answers
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what the test is about."""


def answer(code: int, **headers: str) -> Answer:
    def send(request: Request) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    send.__name__ = f"answer-{code}"
    return send


def deliver(url: str, *, timeout_s: float = 5.0) -> None:
    """Tell a webhook, with waits that are short."""
    Webhook(url, timeout_s=timeout_s, first_wait_s=0.01).deliver(EVENT, threading.Event())


def said(caplog: pytest.LogCaptureFixture) -> tuple[str, dict[str, Any]]:
    """The one event that was logged, and its facts."""
    (record,) = caplog.records
    return record.getMessage(), record.__dict__["facts"]
