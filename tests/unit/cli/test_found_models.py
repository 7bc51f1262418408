"""Which model `themis init` finds: a key first, then the servers of this machine."""

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.web_server import Request, Server
from themis.cli.begin import found_models
from themis.cli.begin.found_models import FoundModel, found_model, said_by

OLLAMA = {
    "models": [
        {"name": "big:70b", "size": 70},
        {"name": "nomic-embed-text", "size": 1},
        {"name": "s:1b", "size": 2},
    ]
}
VLLM = {"data": [{"id": "Qwen/Qwen3-0.6B"}]}


def machine(**servers: Any) -> found_models.Get:
    """A machine on which these servers answer."""
    ports = {"11434": "ollama", "8000": "vllm"}

    def get(url: str, path: str) -> Any:
        return servers.get(next(name for port, name in ports.items() if port in url))

    return get


def test_a_key_comes_first_and_nothing_is_asked_then() -> None:
    def nothing(url: str, path: str) -> Any:
        pytest.fail("a server was asked")

    found = found_model({"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "2"}, nothing)
    assert found == FoundModel("openai", None, "OPENAI_API_KEY is set")
    found = found_model({"OPENAI_API_KEY": " ", "ANTHROPIC_API_KEY": "2"}, nothing)
    assert found == FoundModel("anthropic", None, "ANTHROPIC_API_KEY is set")


def test_ollama_is_asked_with_the_smallest_model_that_answers_questions() -> None:
    found = found_model({}, machine(ollama=OLLAMA, vllm=VLLM))
    assert found == FoundModel("ollama", "s:1b", "a server answers at localhost:11434")


def test_vllm_is_asked_with_the_model_that_it_serves() -> None:
    found = found_model({}, machine(vllm=VLLM))
    assert found == FoundModel("vllm", "Qwen/Qwen3-0.6B", "a server answers at localhost:8000")


@pytest.mark.parametrize("said", [{}, {"models": None}, {"models": [{}]}, {"models": []}, [], 3])
def test_a_server_without_a_model_that_we_can_read_gets_the_usual_one(said: Any) -> None:
    found = found_model({}, machine(ollama=said))
    assert found is not None
    assert (found.provider, found.model) == ("ollama", None)


def test_where_nothing_is_nothing_is_found() -> None:
    assert found_model({}, machine()) is None


def saying(body: bytes) -> Callable[[Request], None]:
    def send(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return send


def test_a_server_is_asked_once_and_what_it_says_is_read() -> None:
    with Server(saying(json.dumps(OLLAMA).encode()), saying(b"<html>")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert said_by(f"{server.url}/v1", "/api/tags") == OLLAMA
        assert said_by(f"{server.url}/v1", "/api/tags") is None, "a page is not an answer"
        assert [(method, path) for method, path, *_ in server.seen] == [("GET", "/api/tags")] * 2
        server.shutdown()


def test_where_no_server_listens_there_is_no_answer() -> None:
    assert said_by("http://127.0.0.1:1/v1", "/api/tags") is None


@pytest.mark.parametrize("error", [OSError("gone"), http.client.BadStatusLine("x"), ValueError("no JSON")])
def test_whatever_a_server_does_it_is_no_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "request", fail)
    assert said_by("http://localhost:11434/v1", "/api/tags") is None
