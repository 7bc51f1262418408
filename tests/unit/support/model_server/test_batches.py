"""Batches of both providers, from the questions to the results, through their own clients."""

import json
from collections.abc import Iterable
from typing import Any

import anthropic
import openai
import pytest

from tests.support.model_server import Answer, HangUp, ModelServer, Request, failures
from tests.support.model_server.dialects import DIALECTS
from tests.support.model_server.script import Step
from tests.unit.support.model_server.clients import MODEL, anthropic_client, openai_client

CHAT = "/v1/chat/completions"


def by_custom_id(request: Request) -> Step:
    """One line is answered, one is refused, one is never asked."""
    steps: dict[str | None, Step] = {"refused": failures.context_too_long(), "late": HangUp()}
    return steps.get(request.custom_id)


def test_a_batch_of_openai_leaves_a_file_of_answers_and_one_of_errors() -> None:
    with ModelServer(by_custom_id) as server, openai_client(server) as client:
        batch = submitted(client, lines("good", "refused", "late", "better"))
        assert batch.status == "expired"  # as one of its lines was
        assert batch.request_counts is not None
        assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 2)
        answers, errors = results(client, batch.output_file_id), results(client, batch.error_file_id)
        (listed,) = client.batches.list()
    assert (listed.id, listed.output_file_id) == (batch.id, batch.output_file_id)
    assert [one["custom_id"] for one in answers] == ["better", "good"]  # in no order that is promised
    assert answers[1]["response"]["body"]["choices"][0]["message"]["content"] == "text of good"
    late, refused = errors
    assert (late["response"], late["error"]["code"]) == (None, "batch_expired")
    assert refused["response"]["status_code"] == 400
    assert refused["response"]["body"]["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("path", sorted(path for path in DIALECTS if path != "/v1/messages"))
def test_a_batch_may_be_of_each_dialect_of_openai(path: Any) -> None:
    field = {CHAT: "messages", "/v1/responses": "input", "/v1/completions": "prompt"}[path]
    asked = [{"role": "user", "content": "Hello"}] if field == "messages" else "Hello"
    line = {"custom_id": "one", "method": "POST", "url": path, "body": {"model": MODEL, field: asked}}
    with ModelServer() as server, openai_client(server) as client:
        batch = submitted(client, [line], endpoint=path)
        (found,) = results(client, batch.output_file_id)
    assert batch.status == "completed"
    assert batch.error_file_id is None
    assert "Hello" in json.dumps(found["response"]["body"])


def test_a_batch_takes_its_time_and_can_be_cancelled() -> None:
    with ModelServer(batch_s=600.0) as server, openai_client(server) as client:
        batch = submitted(client, lines("one", "two"))
        assert (batch.status, batch.output_file_id) == ("in_progress", None)
        assert client.batches.cancel(batch.id).status == "cancelled"
        ended = client.batches.retrieve(batch.id)
        errors = results(client, ended.error_file_id)
    assert ended.output_file_id is None
    assert [one["error"]["code"] for one in errors] == ["batch_cancelled"] * 2


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"{half", "invalid_json_line", 1),
        (b'{"custom_id": "one"}', "invalid_json_line", 1),
        (b"", "empty_file", None),
        (
            b'{"custom_id": "a", "url": "/v1/responses", "body": {"model": "m"}}',
            "mismatched_endpoint",
            1,
        ),
        (
            b'{"custom_id": "a", "url": "/v1/chat/completions", "body": {}}\n' * 2,
            "duplicate_custom_id",
            2,
        ),
    ],
    ids=["no JSON", "no question", "empty", "endpoint", "twice"],
)
def test_a_file_with_a_mistake_fails_as_a_whole(content: bytes, code: str, line: int | None) -> None:
    with ModelServer() as server, openai_client(server) as client:
        batch = submitted(client, content)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("failed", None, None)
    assert batch.errors is not None
    assert [(one.code, one.line) for one in batch.errors.data or ()] == [(code, line)]


def test_files_are_kept_until_they_are_deleted() -> None:
    with ModelServer() as server, openai_client(server) as client:
        file = client.files.create(file=("questions.jsonl", b"content"), purpose="batch")
        assert (file.filename, file.bytes, file.purpose) == ("questions.jsonl", 7, "batch")
        assert client.files.content(file.id).read() == b"content"
        assert [one.id for one in client.files.list()] == [file.id]
        assert client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.content(file.id)
        with pytest.raises(openai.BadRequestError):
            client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve("batch_9")


def lines(*custom_ids: str) -> list[dict[str, Any]]:
    return [
        {
            "custom_id": custom_id,
            "method": "POST",
            "url": CHAT,
            "body": {"model": MODEL, "messages": [{"role": "user", "content": f"text of {custom_id}"}]},
        }
        for custom_id in custom_ids
    ]


def submitted(
    client: openai.OpenAI, asked: bytes | Iterable[dict[str, Any]], endpoint: Any = CHAT
) -> openai.types.Batch:
    content = asked if isinstance(asked, bytes) else "\n".join(json.dumps(line) for line in asked).encode()
    file = client.files.create(file=("questions.jsonl", content), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    return client.batches.retrieve(made.id)


def results(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_a_batch_of_anthropic_says_how_each_line_ended() -> None:
    with ModelServer(by_custom_id) as server, anthropic_client(server) as client:
        batch = client.messages.batches.create(requests=questions("good", "refused", "late"))
        assert batch.processing_status == "ended"
        found = {one.custom_id: one.result for one in client.messages.batches.results(batch.id)}
        assert [one.id for one in client.messages.batches.list()] == [batch.id]
        counts = batch.request_counts
        assert client.messages.batches.delete(batch.id).id == batch.id
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(batch.id)
    assert (counts.succeeded, counts.errored, counts.expired, counts.processing) == (1, 1, 1, 0)
    good, refused = found["good"], found["refused"]
    assert good.type == "succeeded"
    assert good.message.content[0].type == "text"
    assert good.message.content[0].text == "text of good"
    assert refused.type == "errored"
    assert refused.error.error.type == "invalid_request_error"
    assert found["late"].type == "expired"


def test_a_batch_of_anthropic_has_no_results_until_it_has_ended() -> None:
    with ModelServer(batch_s=600.0) as server, anthropic_client(server) as client:
        batch = client.messages.batches.create(requests=questions("one"))
        assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 1)
        with pytest.raises(anthropic.AnthropicError, match="Has it finished processing"):
            client.messages.batches.results(batch.id)
        with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
            client.messages.batches.delete(batch.id)
        assert client.messages.batches.cancel(batch.id).processing_status == "ended"
        (one,) = client.messages.batches.results(batch.id)
    assert one.result.type == "canceled"


def test_a_batch_of_anthropic_needs_questions_with_names_of_their_own() -> None:
    with ModelServer() as server, anthropic_client(server) as client:
        for asked, message in ((questions(), "at least 1 item"), (questions("one", "one"), "must be unique")):
            with pytest.raises(anthropic.BadRequestError, match=message):
                client.messages.batches.create(requests=asked)


def questions(*custom_ids: str) -> Any:
    return [
        {
            "custom_id": custom_id,
            "params": {
                "model": MODEL,
                "max_tokens": 9,
                "messages": [{"role": "user", "content": f"text of {custom_id}"}],
            },
        }
        for custom_id in custom_ids
    ]


def test_the_lines_of_a_batch_are_no_requests_of_their_own() -> None:
    def answer(request: Request) -> Step:
        return Answer(f"{request.batch_id}/{request.custom_id}") if request.is_question else None

    with ModelServer(answer) as server, openai_client(server) as client:
        batch = submitted(client, lines("one"))
        (found,) = results(client, batch.output_file_id)
    assert found["response"]["body"]["choices"][0]["message"]["content"] == f"{batch.id}/one"
    assert server.questions == []
