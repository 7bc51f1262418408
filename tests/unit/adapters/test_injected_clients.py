"""A user's own client is used as a program would: `client.responses.create`, `client.chat.completions.create`."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from themis import evaluate
from themis.adapters import langgraph, openai, vllm
from themis.core.media.media_folder import keep
from themis.core.models import GenerationResult

HEADERS = {"X-Request-Id": "req-7", "x-ratelimit-limit-requests": "60", "set-cookie": "s=1", "openai-organization": "o"}
URL = "http://gpu:8000/v1"


def response(**more: Any) -> SimpleNamespace:
    usage = SimpleNamespace(input_tokens=9, output_tokens=2)
    return SimpleNamespace(id="r", model="m-1", status="completed", output_text="4", usage=usage, **more)


def completion(**more: Any) -> SimpleNamespace:
    message = SimpleNamespace(role="assistant", content="4")
    choices = [SimpleNamespace(index=0, finish_reason="stop", message=message)]
    return SimpleNamespace(
        id="c", model="m-1", choices=choices, usage={"prompt_tokens": 9, "completion_tokens": 2}, **more
    )


class Resource:
    """What has a `create`, and remembers what it was called with."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[dict[str, Any]] = []

    async def create(self, **keywords: Any) -> Any:
        self.calls.append(keywords)
        return self.answer


class RawResource(Resource):
    """One that also gives raw responses, and whose plain answer nobody should ask for."""

    def __init__(self, answer: Any) -> None:
        super().__init__(None)
        raw = SimpleNamespace(headers=HEADERS, parse=lambda: answer)
        self.with_raw_response = Resource(raw)


class Client:
    def __init__(self, responses: Resource | None = None, completions: Resource | None = None) -> None:
        self.responses = responses or Resource(response(headers=HEADERS))
        self.chat = SimpleNamespace(completions=completions or Resource(completion(headers=HEADERS)))


def answer_of(generator: Any, value: Any = "2 + 2?") -> GenerationResult:
    result = evaluate(model=generator, data=[{"input": value, "expected_output": "4"}], metric="builtin/exact_match")
    (case,) = result.cases
    assert case.generation_failures == {}
    assert [score.value for score in case.scores] == [1.0]  # type: ignore[union-attr]
    return case.generated_candidates[0]


def check_reply(found: GenerationResult) -> None:
    """What is kept of a reply, whichever way it came."""
    assert (found.final_output, found.finish_reason, found.served_model) == ("4", "stop", "m-1")
    assert found.token_usage == {"prompt_tokens": 9, "completion_tokens": 2}
    kept: dict[str, Any] = found.artifacts or {}
    assert kept["provider_request_id"] == "req-7"
    assert kept["rate_limit"] == {"requests_limit": 60.0}
    assert kept["response_headers"] == {"x-request-id": "req-7", "x-ratelimit-limit-requests": "60"}
    assert "headers" not in kept["raw_response"]


def test_openai_asks_by_responses_and_takes_headers_from_the_answer() -> None:
    client = Client()
    check_reply(answer_of(openai("gpt", client=client, instructions="Be short.")))
    assert client.responses.calls == [{"model": "gpt", "input": "2 + 2?", "instructions": "Be short."}]
    assert client.chat.completions.calls == []


def test_raw_responses_are_used_where_the_client_has_them() -> None:
    raw = RawResource(response())
    check_reply(answer_of(openai("gpt", client=Client(responses=raw))))
    assert (raw.calls, raw.with_raw_response.calls) == ([], [{"model": "gpt", "input": "2 + 2?"}])


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("mode", [None, "responses", "chat_completions"])
def test_vllm_asks_by_responses_unless_told_otherwise(mode: Any, is_raw: bool) -> None:
    client: Any = Client(RawResource(response()), RawResource(completion())) if is_raw else Client()
    generator = vllm("m", base_url=URL, client=client, **({} if mode is None else {"api_mode": mode}))
    assert (generator.api_mode, generator.provider_key) == (mode or "responses", f"vllm:{URL}")
    check_reply(answer_of(generator))
    asked = client.chat.completions if mode == "chat_completions" else client.responses
    calls = asked.with_raw_response.calls if is_raw else asked.calls
    question = (
        {"messages": [{"role": "user", "content": "2 + 2?"}]} if mode == "chat_completions" else {"input": "2 + 2?"}
    )
    assert calls == [{"model": "m", **question}]


def test_an_input_builder_makes_the_input() -> None:
    client = Client()
    answer_of(openai("gpt", client=client, input_builder=lambda case: f"Q: {case.input}"))
    assert client.responses.calls[0]["input"] == "Q: 2 + 2?"


def test_a_conversation_of_a_system_turn_alone_is_still_a_question() -> None:
    client = Client()
    answer_of(openai("gpt", client=client, instructions="Be short."), [{"role": "system", "content": "Count."}])
    assert client.responses.calls[0]["input"] == [{"role": "system", "content": "Count."}]


class Graph:
    """A compiled graph, as far as it is asked."""

    def __init__(self, *, tells: bool = True) -> None:
        self.tells = tells
        self.invoked = 0

    async def astream_events(self, value: Any, version: str) -> AsyncIterator[dict[str, Any]]:
        assert version == "v2"
        place = {"metadata": {"langgraph_node": "add"}, "name": "add", "run_id": "n", "parent_ids": ["root"]}
        yield {"event": "on_chain_start", "data": {"input": {"question": value}}, **place}
        yield {"event": "on_chain_end", "data": {"output": {"answer": "4"}}, **place}
        if self.tells:
            yield {"event": "on_chain_end", "name": "graph", "parent_ids": [], "data": {"output": {"answer": "4"}}}

    async def ainvoke(self, value: Any) -> dict[str, Any]:
        self.invoked += 1
        return {"answer": "4"}


@pytest.mark.parametrize(("tells", "invoked"), [(True, 0), (False, 1)])
def test_a_graph_is_run_once_and_invoked_only_if_its_events_do_not_tell_its_output(tells: bool, invoked: int) -> None:
    graph = Graph(tells=tells)
    generator = langgraph(graph, graph_id="sums", output_key="answer")
    assert generator.provider_key == "langgraph:sums"
    found = answer_of(generator)
    assert graph.invoked == invoked
    (step,) = found.trace or []
    assert (step.step_name, step.input, step.output) == ("add", {"question": "2 + 2?"}, {"answer": "4"})


PICTURE = b"\x89PNG\r\n\x1a\n and its dots"


def picture(media_type: str = "image/png", kind: str = "image") -> list[dict[str, Any]]:
    """A conversation about a file."""
    sha256 = keep(PICTURE).removeprefix("sha256:")
    part = {"type": kind, "sha256": sha256, "media_type": media_type, "bytes": len(PICTURE), "name": "cat.png"}
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


class Looking(Graph):
    """A graph whose state has messages."""

    channels: ClassVar[dict[str, Any]] = {"messages": None}

    async def astream_events(self, value: Any, version: str) -> AsyncIterator[dict[str, Any]]:
        self.given = value
        place = {"metadata": {"langgraph_node": "look"}, "name": "look", "run_id": "n", "parent_ids": ["root"]}
        yield {"event": "on_chain_start", "data": {"input": value}, **place}
        yield {"event": "on_chain_end", "data": {"output": value}, **place}
        answer = {"messages": [*value["messages"], {"role": "assistant", "content": "a cat"}]}
        yield {"event": "on_chain_end", "name": "graph", "parent_ids": [], "data": {"output": answer}}


def test_a_graph_gets_the_files_of_a_prompt_and_what_is_stored_only_describes_them() -> None:
    graph = Looking()
    result = evaluate(
        model=langgraph(graph, graph_id="eyes"), data=[{"input": picture()}], metric=[], parser="builtin/json_identity"
    )
    sent = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    (turn,) = graph.given["messages"]
    assert turn["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": sent}},
    ]
    (case,) = result.cases
    (candidate,) = case.generated_candidates
    stored = candidate.model_dump_json()
    assert sent not in stored
    assert stored.count(hashlib.sha256(PICTURE).hexdigest()) >= 4, "in the output, the conversation and the step"


def test_a_graph_is_not_given_a_file_that_messages_have_no_place_for() -> None:
    data = [{"input": picture("audio/flac", "audio")}]
    (case,) = evaluate(model=langgraph(Looking(), graph_id="ears"), data=data, metric=[]).cases
    (failure,) = case.generation_failures.values()
    assert "a sound is sent as WAV or MP3, not as audio/flac" in failure.message
    assert not failure.retryable


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "name",
    ["openai", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vllm", "anthropic", "langgraph", "litellm"))],
)
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.not_smoke
def test_both_ways_to_import_a_generator_give_its_function(name: str, first: int) -> None:
    ways = [f"from themis.adapters import {name} as a", f"from themis.adapters.{name} import {name} as b"]
    program = "\n".join([ways[first], ways[1 - first], "assert a is b and not hasattr(a, '__path__') and callable(a)"])
    subprocess.run([sys.executable, "-c", program], check=True)
