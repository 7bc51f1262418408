"""The most tokens of a request, from its body alone."""

from typing import Any

import pytest

from themis.adapters import anthropic, openai
from themis.adapters.apis.request_size import most_tokens
from themis.core.contexts import GenerateContext
from themis.core.errors import UnboundedCallError
from themis.core.models import Case

CONTEXT = GenerateContext(run_id="r", case_id="c", dataset_id="d", case_key="k", seed=1)


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ({}, None),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_output_tokens": 7}, 7),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 9),
        ({"max_tokens": 7, "n": 3}, 21),
        ({"max_tokens": 7, "n": 2, "best_of": 5}, 35),
        ({"max_tokens": "many"}, None),
        ({"max_tokens": True}, None),
        ({"n": 3}, None),
    ],
)
def test_the_answer_is_bounded_by_what_the_request_says(body: dict[str, Any], output: int | None) -> None:
    assert most_tokens(body).output == output


@pytest.mark.parametrize("text", ["x" * 100, "é" * 100, "😀" * 100, '"' * 100, "\ud800"])
def test_the_input_is_bounded_by_its_bytes(text: str) -> None:
    found = most_tokens({"messages": [{"role": "user", "content": text}]}).input
    assert found is not None
    assert found >= len(text.encode("utf-8", "surrogatepass"))


def test_tools_come_with_instructions_of_the_provider() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    plain, armed = most_tokens({"messages": []}).input, most_tokens({"messages": [], "tools": tools}).input
    assert plain is not None
    assert armed is not None
    assert armed > plain + 1_000


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "function"}, {"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "code_interpreter"}]},
        {"tools": [{"type": "mcp"}]},
        {"web_search_options": {"search_context_size": "low"}},
        {"mcp_servers": [{"url": "https://example.org"}]},
    ],
)
def test_what_the_provider_adds_of_its_own_has_no_bound(body: dict[str, Any]) -> None:
    with pytest.raises(UnboundedCallError, match="the provider itself adds to the input"):
        most_tokens({"max_tokens": 5, **body})


@pytest.mark.parametrize("kind", ["function", "custom", "bash_20250124", "text_editor_20250728", None])
def test_tools_that_the_caller_runs_are_part_of_the_body(kind: str | None) -> None:
    assert most_tokens({"tools": [{"type": kind, "name": "f"}]}).input is not None


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "file", "file": {"file_id": "file-1"}},
    ],
)
def test_what_is_only_referred_to_has_no_size(part: dict[str, Any]) -> None:
    assert most_tokens({"messages": [{"role": "user", "content": [part]}]}).input is None


@pytest.mark.parametrize("body", [{"previous_response_id": "r"}, {"conversation": "c"}])
def test_so_it_is_with_a_conversation_that_the_provider_keeps(body: dict[str, Any]) -> None:
    assert most_tokens({"input": "x", **body}).input is None


def test_an_image_in_the_body_is_part_of_it() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert most_tokens({"messages": [{"role": "user", "content": [image]}]}).input is not None


@pytest.mark.parametrize(
    ("tier", "said"), [("flex", "flex"), ("priority", "priority"), ("auto", ""), ("default", ""), (None, "")]
)
def test_the_tier_is_the_one_that_is_asked_for(tier: str | None, said: str) -> None:
    assert most_tokens({"service_tier": tier}).tier == said


def test_generators_say_it_of_the_whole_request() -> None:
    asked = openai("m", base_url="http://localhost/v1", params={"max_tokens": 9}, instructions="i" * 500)
    found = asked.most_tokens(Case(case_id="c", input="x" * 100), CONTEXT)
    assert found.output == 9
    assert found.input is not None
    assert found.input >= 600
    more = openai("m", base_url="http://localhost/v1", extra_body={"max_tokens": 30, "service_tier": "flex"})
    assert more.most_tokens(Case(case_id="c", input="x"), CONTEXT)[1:] == (30, "flex")
    claude = anthropic("claude", api_key="k").most_tokens(Case(case_id="c", input="x"), CONTEXT)
    assert claude.output == 4_096
