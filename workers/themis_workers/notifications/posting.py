"""One POST over http or https with a time limit: it follows no redirect, reads no body, and uses no other scheme.

It connects to no address that `addresses` forbids. The address of a proxy is the operator's choice and is not checked;
the host that the proxy is asked for is checked if its name can be resolved here.
"""

import contextlib
import http.client
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from themis_workers.notifications import addresses


def post(request: urllib.request.Request, limit_s: float) -> None:
    """Send a request, and wait for the head of its response.

    A socket's own timeout restarts with each byte, and a server that sends one per second would never exceed it. So the
    whole request has a limit too, after which the connection is closed.

    Raises:
        urllib.error.HTTPError: the status is not 2xx; the caller closes the error.
        ForbiddenAddressError: the address is forbidden.
        OSError, http.client.HTTPException: there was no response.
    """
    opener = urllib.request.OpenerDirector()
    plain, secure = _Http(), _Https()
    for handler in (
        urllib.request.ProxyHandler(),
        plain,
        secure,
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    with _cut_after(limit_s, plain.connections, secure.connections):
        opener.open(request, timeout=limit_s).close()


class _Remembering(urllib.request.AbstractHTTPHandler):
    """Keeps a list of the connections that it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[http.client.HTTPConnection] = []

    def do_open(self, http_class: Any, req: urllib.request.Request, **options: Any) -> http.client.HTTPResponse:
        asked = urllib.parse.urlsplit(req.full_url)
        is_proxied = req.host != asked.netloc
        if is_proxied:
            _refuse_forbidden(asked.hostname or "")

        def connect(host: str, **more: Any) -> http.client.HTTPConnection:
            connection: http.client.HTTPConnection = http_class(host, **more)
            self.connections.append(connection)
            if not is_proxied:  # the only way to replace how http.client connects
                connection._create_connection = _connect  # type: ignore[attr-defined]  # noqa: SLF001
            return connection

        return super().do_open(connect, req, **options)


class _Http(_Remembering, urllib.request.HTTPHandler): ...


class _Https(_Remembering, urllib.request.HTTPSHandler): ...


def _connect(place: tuple[str, int], timeout_s: float | None, *_: object) -> socket.socket:
    """Like `socket.create_connection`, to checked addresses."""
    return addresses.connect(*place, timeout_s)


def _refuse_forbidden(host: str) -> None:
    """Refuse a forbidden host behind a proxy; a name that only the proxy can resolve is left to it."""
    with contextlib.suppress(OSError):
        addresses.resolve(host, 0)


@contextlib.contextmanager
def _cut_after(limit_s: float, *made: list[http.client.HTTPConnection]) -> Iterator[None]:
    was_cut = threading.Event()

    def cut() -> None:
        was_cut.set()
        for connection in [connection for connections in made for connection in connections]:
            with contextlib.suppress(OSError, AttributeError):  # closed, or not open yet
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if was_cut.is_set() and not isinstance(error, urllib.error.HTTPError):
            msg = "timed out"  # as the socket itself would say
            raise TimeoutError(msg) from None
        raise
    finally:
        timer.cancel()
