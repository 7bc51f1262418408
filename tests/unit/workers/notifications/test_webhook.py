"""A webhook is a real server: it may fail, hang, redirect and lie; the worker does not mind, and keeps its secrets."""

import base64
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.job_ended import EVENT
from themis.core.errors import ConfigError
from workers.notifications.webhook import Webhook

OPENSSL = shutil.which("openssl")
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


def cut(request: Request) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def nonsense(request: Request) -> None:
    request.wfile.write(b"\x00\xff nonsense \x1b[2J\r\n\r\n")


def hang(request: Request) -> None:
    time.sleep(6)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running = []

    def start(*answers: Answer) -> Server:
        server = Server(*answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level("INFO", "workers")


def deliver(url: str, *, timeout_s: float = 5.0) -> None:
    Webhook(url, timeout_s=timeout_s, first_wait_s=0.01).deliver(EVENT, threading.Event())


def said(caplog: pytest.LogCaptureFixture) -> tuple[str, dict[str, Any]]:
    (record,) = caplog.records
    return record.getMessage(), record.__dict__["facts"]


def test_the_event_is_posted_as_json_once(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    server = serve(answer(204))
    deliver(f"{server.url}/hooks/in?x=1#part")
    ((command, path, headers, body),) = server.seen
    assert (command, path) == ("POST", "/hooks/in?x=1")
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("themis/")
    assert "Authorization" not in headers
    assert body == EVENT.to_json()
    assert json.loads(body)["state"] == "failed"
    assert said(caplog) == ("webhook told", {"key": EVENT.key, "url": server.url})


@pytest.mark.parametrize("failure", [answer(500), answer(503), answer(429), cut, nonsense])
def test_what_may_pass_is_tried_again(
    serve: Callable[..., Server], failure: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(failure, failure, answer(200))
    deliver(server.url)
    assert len(server.seen) == 3
    assert said(caplog)[0] == "webhook told"


@pytest.mark.parametrize(
    ("failure", "tries", "reason"),
    [
        (answer(500), 4, "answered 500"),
        (answer(400), 1, "answered 400"),
        (answer(404), 1, "answered 404"),
        (answer(401), 1, "answered 401"),
        (answer(303, Location="/"), 1, "answered 303"),
        (answer(302), 1, "answered 302"),
        (nonsense, 4, "no HTTP answer (BadStatusLine)"),
    ],
)
def test_what_does_not_pass_is_given_up(
    serve: Callable[..., Server], failure: Answer, tries: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(failure)
    deliver(server.url)
    assert len(server.seen) == tries
    assert said(caplog) == ("webhook failed", {"key": EVENT.key, "url": server.url, "error": reason})


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_limit(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(hang)
    began_s = time.monotonic()
    deliver(server.url, timeout_s=0.1)
    assert time.monotonic() - began_s < 5
    assert len(server.seen) == 4
    assert said(caplog)[1]["error"] == "timed out"


def test_a_server_that_answers_a_byte_at_a_time_is_waited_for_no_longer_either(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    def drip(request: Request) -> None:
        for _ in range(200):
            request.wfile.write(b"H")
            time.sleep(0.05)

    began_s = time.monotonic()
    deliver(serve(drip).url, timeout_s=0.15)
    assert time.monotonic() - began_s < 5
    assert said(caplog)[1]["error"] == "timed out"


def test_a_server_that_is_not_there_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        deliver(f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path")
    assert "refused" in said(caplog)[1]["error"]
    assert "secret-path" not in str(said(caplog))


def test_a_server_that_does_not_speak_tls_is_told_nothing(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(200))
    deliver(server.url.replace("http://", "https://"))
    assert server.seen == []
    assert "SSL" in said(caplog)[1]["error"]


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_a_server_is_told_over_tls_when_its_certificate_is_trusted_and_only_then(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    what = "-x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = [str(OPENSSL), "req", *what.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = serve(answer(200))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http://", "https://")
    deliver(url)
    assert server.seen == []
    assert "certificate" in said(caplog)[1]["error"]
    caplog.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    deliver(url)
    assert said(caplog)[0] == "webhook told"
    assert server.seen[0][3] == EVENT.to_json()


def test_an_answer_without_end_is_not_read(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    over = threading.Event()

    def flood(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65_536)
        except OSError:
            over.set()

    deliver(serve(flood).url)
    assert said(caplog)[0] == "webhook told"
    assert over.wait(5)


def test_waits_grow_and_the_server_may_ask_for_longer_ones(serve: Callable[..., Server]) -> None:
    waited: list[float] = []

    class Closing(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return False

    retry = answer(429, Retry_After="7")
    server = serve(answer(500), retry, answer(503, Retry_After="99999"), answer(200))
    Webhook(server.url).deliver(EVENT, Closing())
    assert waited == [1, 7, 60]
    waited.clear()
    server = serve(
        answer(500, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), answer(500, Retry_After="9" * 400), answer(500)
    )
    Webhook(server.url).deliver(EVENT, Closing())
    assert waited == [1, 2, 4]


def test_the_end_of_the_worker_cuts_the_waits_short(serve: Callable[..., Server]) -> None:
    server, closing = serve(answer(500)), threading.Event()
    closing.set()
    began_s = time.monotonic()
    Webhook(server.url, first_wait_s=30).deliver(EVENT, closing)
    assert time.monotonic() - began_s < 5
    assert len(server.seen) == 4


# --- redirects


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_whole_event(serve: Callable[..., Server], code: int) -> None:
    server = serve(answer(code, Location="/other?y=2"), answer(200))
    deliver(server.url.replace("//", "//user:pw@"))
    assert [(command, path, body) for command, path, _, body in server.seen] == [
        ("POST", "/", EVENT.to_json()),
        ("POST", "/other?y=2", EVENT.to_json()),
    ]
    assert all("Authorization" in headers for _, _, headers, _ in server.seen)


def test_credentials_do_not_follow_to_another_server(serve: Callable[..., Server]) -> None:
    other = serve(answer(200))
    first = serve(answer(307, Location=f"{other.url.replace('//', '//evil:x@')}/there"))
    deliver(first.url.replace("//", "//user:pw@"))
    assert "Authorization" in first.seen[0][2]
    assert other.seen[0][3] == EVENT.to_json()
    assert "Authorization" not in other.seen[0][2]


@pytest.mark.parametrize(
    "place",
    [
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:,x",
        "javascript:x",
        "http://[",
        "http://h:99999999/",
        "http://127.0.0.1:0/",
        "http://a b/",
    ],
)
def test_a_redirect_to_another_scheme_or_to_no_url_is_not_followed(
    serve: Callable[..., Server], place: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(302, Location=place))
    deliver(server.url)
    assert len(server.seen) == 1
    assert said(caplog)[1]["error"].startswith("redirects where nobody follows")


def test_a_redirect_in_a_circle_ends(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    server = serve(answer(302, Location="/"))
    deliver(server.url)
    assert len(server.seen) == 5
    assert said(caplog)[1]["error"] == "redirects for ever"


# --- secrets


def test_credentials_become_a_header_and_are_in_no_log(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(200), answer(400))
    url = server.url.replace("//", "//us%40er:p%3Aw%2Fhunter2@") + "/T0KEN?key=hunter3"
    deliver(url)
    deliver(url)
    _, path, headers, _ = server.seen[0]
    assert path == "/T0KEN?key=hunter3"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"us@er:p:w/hunter2"
    assert "@" not in headers["Host"]
    logged = str([record.__dict__ for record in caplog.records])
    assert "webhook told" in logged
    assert "webhook failed" in logged
    assert not [secret for secret in ("hunter", "T0KEN", "us%40er") if secret in logged]


def test_references_are_resolved_when_they_are_used(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(200))
    monkeypatch.setenv("THEMIS_TEST_HOOK", f"{server.url}/old")
    webhook = Webhook("env:THEMIS_TEST_HOOK", first_wait_s=0.01)
    monkeypatch.setenv("THEMIS_TEST_HOOK", f"{server.url}/new")
    webhook.deliver(EVENT, threading.Event())
    assert server.seen[0][1] == "/new"
    caplog.clear()
    monkeypatch.delenv("THEMIS_TEST_HOOK")
    webhook.deliver(EVENT, threading.Event())
    assert said(caplog)[0] == "webhook failed"
    assert "THEMIS_TEST_HOOK is not set" in said(caplog)[1]["error"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2.example.org/x",
        "ftp://hunter2@example.org",
        "file:///hunter2",
        "http://",
        "http://:80/hunter2",
        "http://user:hunter2@",
        "http://example.org:hunter2/",
        "http://example.org:0/hunter2",
        "http://[::1/hunter2",
        "http://example.org/hunter2 x",
        "http://example.org/hunter2\r\nX-Evil: 1",
        "http://exämple.org/hunter2",
    ],
)
def test_what_is_no_url_to_post_to_is_said_at_the_start_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^webhook: ") as raised:
        Webhook(url)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_secret_that_is_not_set_is_said_at_the_start() -> None:
    with pytest.raises(ConfigError, match="THEMIS_TEST_NO_SUCH is not set"):
        Webhook("https://example.org/${THEMIS_TEST_NO_SUCH}")
