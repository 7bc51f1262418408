"""A webhook goes nowhere but where it was sent, and shows its secrets to nobody else."""

import base64
import threading
from collections.abc import Callable

import pytest

from tests.support.job_ended import EVENT
from tests.support.web_server import Server, answer, deliver, said
from themis.core.errors import ConfigError
from themis_workers.notifications.webhook import Webhook

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
    assert said(caplog)[1]["error"].startswith("redirect refused: ")


def test_a_redirect_in_a_circle_ends(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    server = serve(answer(302, Location="/"))
    deliver(server.url)
    assert len(server.seen) == 5
    assert said(caplog)[1]["error"] == "too many redirects"


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
    assert "webhook delivered" in logged
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
