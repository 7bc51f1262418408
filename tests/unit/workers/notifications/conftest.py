"""A web server for webhooks."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.web_server import Answer, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, each with its answers."""
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
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are asked themselves."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Events too that nobody needs to look at."""
    caplog.set_level("INFO", "workers")
