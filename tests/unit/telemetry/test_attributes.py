"""Attributes of calls by what models are like, and messages by what was said."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import server_attributes

from themis.adapters import anthropic, openai, vllm
from themis.core.errors import ProviderReply, ProviderUnavailableError
from themis.core.models import Case, GenerationResult, Message
from themis.core.observations import ModelCall, ModelTry, ObservedCase
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt
from themis.telemetry.answered import answer, error_type
from themis.telemetry.asked import parameters, span_name, whom
from themis.telemetry.messages import Content, messages_of

CASE = Case(case_id="a", input="Why?")
OPERATIONS = gen_ai.GenAiOperationNameValues


@dataclass
class Model:
    """A model with what a test gives it."""

    provider_key: str | None = None
    model_id: str | None = None
    graph_id: str | None = None
    component_id: str = "lab/model"
    request_params: dict[str, Any] = field(default_factory=dict)
    sends_seed: bool = False


def call(model: Any, **facts: Any) -> ModelCall:
    of = ObservedCase(run_id="r", case=CASE, dataset_id="d", case_key="1:d:a")
    tries = [ModelTry(began_at=1.0, ended_at=2.0)]
    return ModelCall(**{"of": of, "model": model, "asked": CASE, "is_judge": False, "tries": tries, **facts})


@pytest.mark.parametrize(
    ("model", "name", "provider", "address"),
    [
        (openai("m", api_key="k"), "chat m", "openai", ("api.openai.com", 443)),
        (anthropic("c", api_key="k"), "chat c", "anthropic", ("api.anthropic.com", 443)),
        (vllm("q", base_url="http://gpu:8000/v1"), "chat q", "vllm", ("gpu", 8000)),
        (openai("b", base_url="http://gpu/v1", api_mode="completions"), "text_completion b", "openai", ("gpu", 80)),
        (Model("litellm:mistral", "mistral/large"), "chat mistral/large", "mistral", None),
        (Model("langgraph:helper", graph_id="helper"), "invoke_workflow helper", "langgraph", None),
        (Model(), "chat", "lab/model", None),
    ],
)
def test_operation_provider_and_address_follow_from_the_model(
    model: Any, name: str, provider: str, address: tuple[str, int] | None
) -> None:
    found = whom(call(model))
    assert span_name(call(model), found) == name
    assert found[gen_ai.GEN_AI_OPERATION_NAME] in {one.value for one in OPERATIONS}
    assert found[gen_ai.GEN_AI_PROVIDER_NAME] == provider
    there = (found.get(server_attributes.SERVER_ADDRESS), found.get(server_attributes.SERVER_PORT))
    assert there == (address or (None, None))


def test_a_password_in_an_address_is_no_attribute() -> None:
    found = whom(call(openai("m", base_url="http://me:hunter22@gpu:8000/v1", api_key="k")))
    assert "hunter22" not in repr(found)
    assert found[server_attributes.SERVER_ADDRESS] == "gpu"


def test_parameters_that_have_a_name_are_sent_in_its_form() -> None:
    params = {
        "frequency_penalty": 1,
        "max_completion_tokens": 9,
        "n": 2,
        "presence_penalty": 0.5,
        "response_format": {"type": "json_schema", "json_schema": {}},
        "stop": "END",
        "top_k": 40,
        "unknown": "x",
        "temperature": "hot",
    }
    model = openai("m", api_key="k", params=params, stream=True)
    assert parameters(call(model)) == {
        gen_ai.GEN_AI_REQUEST_FREQUENCY_PENALTY: 1.0,
        gen_ai.GEN_AI_REQUEST_MAX_TOKENS: 9,
        gen_ai.GEN_AI_REQUEST_CHOICE_COUNT: 2,
        gen_ai.GEN_AI_REQUEST_PRESENCE_PENALTY: 0.5,
        gen_ai.GEN_AI_OUTPUT_TYPE: gen_ai.GenAiOutputTypeValues.JSON.value,
        gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES: ["END"],
        gen_ai.GEN_AI_REQUEST_TOP_K: 40.0,
        gen_ai.GEN_AI_REQUEST_STREAM: True,
    }


def test_a_seed_is_only_sent_where_the_request_has_it() -> None:
    chat: dict[str, Any] = {"base_url": "http://gpu/v1"}
    assert parameters(call(openai("m", **chat), seed=5)) == {gen_ai.GEN_AI_REQUEST_SEED: 5}
    assert parameters(call(openai("m", **chat, drop_params=["seed"]), seed=5)) == {}
    assert parameters(call(openai("m", api_key="k"), seed=5)) == {}, "the responses API takes no seed"
    assert parameters(call(openai("m", **chat, params={"top_p": 1, "seed": 4}, drop_params=["top_p"]), seed=5)) == {
        gen_ai.GEN_AI_REQUEST_SEED: 4
    }


def test_an_answer_says_its_first_token_and_the_request_where_the_answer_has_no_id() -> None:
    made = GenerationResult(
        candidate_id="c", final_output="x", artifacts={"first_token_ms": 250.0, "provider_request_id": "req-1"}
    )
    assert answer(call(Model(), result=made, generation=made)) == {
        gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: 0.25,
        gen_ai.GEN_AI_RESPONSE_ID: "req-1",
    }


def test_a_judge_of_ones_own_says_what_its_response_holds() -> None:
    response = JudgeResponse(
        judge_model_id="j", raw_response="1", token_usage={"prompt_tokens": 3}, provider_request_id="req-2"
    )
    assert answer(call(Model(), result=response, is_judge=True)) == {
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 3,
        gen_ai.GEN_AI_RESPONSE_ID: "req-2",
    }


def test_a_failure_says_the_tokens_that_it_used_and_its_status_or_class() -> None:
    reply = ProviderReply(status_code=503, token_usage={"completion_tokens": 4})
    error = ProviderUnavailableError(provider="p", detail="away", reply=reply)
    assert answer(call(Model(), error=error)) == {gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 4}
    assert (error_type(error), error_type(TimeoutError())) == ("503", "TimeoutError")


def test_a_conversation_is_messages_with_parts_and_a_picture_is_only_named() -> None:
    turns = [
        Message(role="system", content="Be brief."),
        Message(
            role="user",
            content=[{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:…"}}],
        ),
        Message(
            role="assistant",
            content={"content": "", "tool_calls": [{"id": "t1", "name": "look", "arguments": "{}"}]},
        ),
    ]
    made = GenerationResult(candidate_id="c", final_output=[], conversation=turns, finish_reason="tool_calls")
    asked, answered = messages_of(call(Model(), result=made, generation=made))
    assert asked == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "What?"}, {"type": "image_url"}]},
    ]
    parts = [{"type": "tool_call", "name": "look", "arguments": "{}", "id": "t1"}]
    assert answered == [{"role": "assistant", "parts": parts, "finish_reason": "tool_calls"}]


def test_without_a_conversation_the_prompt_and_the_output_are_the_messages() -> None:
    prompt = RenderedJudgePrompt(prompt_id="p", content="Is it so?")
    response = JudgeResponse(judge_model_id="j", raw_response="yes")
    asked, answered = messages_of(call(Model(), asked=prompt, result=response, is_judge=True))
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "Is it so?"}]}]
    assert answered == [{"role": "assistant", "parts": [{"type": "text", "content": "yes"}], "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("wanted", "said", "in_spans", "in_events"),
    [
        (None, "", False, False),
        (None, "false", False, False),
        (None, "NO_CONTENT", False, False),
        (None, "true", True, False),
        (None, "span_only", True, False),
        (None, "EVENT_ONLY", False, True),
        (None, "SPAN_AND_EVENT", True, True),
        (True, "", True, False),
        (True, "event_only", False, True),
        (False, "true", False, False),
        (False, "span_and_event", False, False),
    ],
)
def test_a_configuration_decides_whether_content_is_sent_and_the_environment_where(
    wanted: bool | None, said: str, in_spans: bool, in_events: bool
) -> None:
    environment = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": said}
    content = Content(wanted=wanted, environ=environment)
    assert (content.in_spans, content.in_events) == (in_spans, in_events)
    assert content.is_wanted is (in_spans or in_events)
