"""A webhook is led to no address that only a machine itself is meant to ask, by whatever way it is named."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.web_server import Server, answer, deliver, said
from themis.core.errors import ForbiddenAddressError
from themis_workers.notifications import addresses

Resolve = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "metadata"),
        ("169.254.1.1", "link-local"),
        ("100.100.100.200", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("0.0.0.0", "unspecified"),  # noqa: S104  # nothing is bound to it
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::169.254.169.254", "metadata"),
        ("64:ff9b:1::169.254.1.1", "link-local"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("::169.254.169.254", "metadata"),
    ],
)
def test_an_address_that_only_a_machine_itself_asks_is_forbidden_however_it_is_written(address: str, kind: str) -> None:
    assert addresses.forbidden_kind(address) == kind


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"],
)
def test_private_and_public_addresses_are_fine(address: str) -> None:
    assert addresses.forbidden_kind(address) is None


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://2852039166/",  # the same as one number
        "http://0xA9FEA9FE/",
        "http://0.0.0.0/",
    ],
)
def test_a_redirect_to_such_an_address_is_refused_and_not_tried_again(
    serve: Callable[..., Server], place: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(307, Location=place))
    deliver(server.url)
    assert len(server.seen) == 1
    event, facts = said(caplog)
    assert event == "webhook failed"
    assert "nothing is sent there" in facts["error"]


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have each look at a name find the next addresses; the names that were looked at."""
    asked: list[str] = []

    def look(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return asked


def test_the_connection_goes_to_the_address_that_was_checked(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answer(200))
    asked = _answers(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    deliver(f"http://rebound.example:{server.server_port}/")
    assert asked == ["rebound.example"]
    assert said(caplog)[0] == "webhook delivered"


def test_a_name_with_one_such_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, ["127.0.0.1", "169.254.169.254"])
    with pytest.raises(ForbiddenAddressError, match=r"mixed\.example resolves to 169\.254\.169\.254, a metadata"):
        addresses.connect("mixed.example", 80, 1.0)


def test_a_proxy_is_asked_for_no_such_address_either(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = serve(answer(200))
    monkeypatch.setenv("http_proxy", proxy.url)
    deliver("http://169.254.169.254/latest")
    assert proxy.seen == []
    assert "metadata" in said(caplog)[1]["error"]
    caplog.clear()
    deliver("http://only-the-proxy-knows.invalid/x")
    assert [path for _, path, _, _ in proxy.seen] == ["http://only-the-proxy-knows.invalid/x"]
