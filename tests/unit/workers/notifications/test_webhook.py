"""A webhook is a real server: it may fail, hang, flood and talk nonsense; the worker does not mind."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.job_ended import EVENT
from tests.support.web_server import Answer, Request, Server, answer, deliver, said
from themis_workers.notifications.webhook import Webhook

OPENSSL = shutil.which("openssl")


def cut(request: Request) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def nonsense(request: Request) -> None:
    request.wfile.write(b"\x00\xff nonsense \x1b[2J\r\n\r\n")


def hang(request: Request) -> None:
    time.sleep(6)


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
    assert said(caplog) == ("webhook delivered", {"key": EVENT.key, "url": server.url})


@pytest.mark.parametrize("failure", [answer(500), answer(503), answer(429), cut, nonsense])
def test_what_may_pass_is_tried_again(
    serve: Callable[..., Server], failure: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(failure, failure, answer(200))
    deliver(server.url)
    assert len(server.seen) == 3
    assert said(caplog)[0] == "webhook delivered"


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
    what = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    of = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = [str(OPENSSL), "req", *what.split(), *of.split(), "-keyout", str(key), "-out", str(certificate)]
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
    assert said(caplog)[0] == "webhook delivered"
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
    assert said(caplog)[0] == "webhook delivered"
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
