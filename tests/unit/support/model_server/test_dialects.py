"""Each dialect, as the provider's own client reads it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.support.model_server import Answer, ModelServer, ToolCall, Usage
from tests.unit.support.model_server.clients import MODEL, anthropic_client, ask_chat, ask_messages, openai_client

if TYPE_CHECKING:
    import anthropic

USAGE = Usage(prompt=100, output=30, cached=40, cache_write=10, reasoning=20)
CALL = ToolCall("weather", '{"city": "Delft"}', "call_7")


def chat(client: openai.OpenAI) -> Any:
    return ask_chat(client).choices[0]


def respond(client: openai.OpenAI) -> openai.types.responses.Response:
    return client.responses.create(model=MODEL, input="Hello", instructions="Be brief.")


def complete(client: openai.OpenAI) -> openai.types.Completion:
    return client.completions.create(model=MODEL, prompt="Hello")


def test_without_a_script_the_last_text_of_the_user_comes_back_in_each_dialect() -> None:
    turns: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": [{"type": "text", "text": "the"}, {"type": "text", "text": "last"}]},
    ]
    items: Any = [{"role": "user", "content": [{"type": "input_text", "text": "the\nlast"}]}]
    with ModelServer() as server:
        with openai_client(server) as client:
            assert client.chat.completions.create(model=MODEL, messages=turns).choices[0].message.content == "the\nlast"
            assert client.responses.create(model=MODEL, input=items).output_text == "the\nlast"
            assert complete(client).choices[0].text == "Hello"
        with anthropic_client(server) as other:
            (block,) = other.messages.create(model=MODEL, max_tokens=9, system="Be brief.", messages=turns[1:]).content
            assert block.type == "text"
            assert block.text == "the\nlast"
    assert [request.kind for request in server.requests] == ["chat", "responses", "completions", "messages"]
    assert [request.question for request in server.requests] == ["the\nlast", "the\nlast", "Hello", "the\nlast"]


def test_answers_come_from_a_mapping_or_a_function() -> None:
    with ModelServer(answers={"2 + 2": "4"}) as server, openai_client(server) as client:
        assert ask_chat(client, "2 + 2").choices[0].message.content == "4"
        assert ask_chat(client, "3 + 3").choices[0].message.content == "3 + 3"
    shouted = ModelServer(answers=lambda request: request.question.upper())
    with shouted as server, openai_client(server) as client:
        assert ask_chat(client, "hello").choices[0].message.content == "HELLO"


def test_a_script_gives_each_question_a_step_and_then_what_is_usual() -> None:
    with ModelServer(["one", Answer("two")], default="usual") as server, openai_client(server) as client:
        assert [ask_chat(client).choices[0].message.content for _ in range(3)] == ["one", "two", "usual"]
        server.play(lambda request: f"{request.number}: {request.data['model']}")
        assert ask_chat(client).choices[0].message.content == f"3: {MODEL}"


def test_a_list_of_steps_is_for_questions_only() -> None:
    with ModelServer(["one"]) as server, openai_client(server) as client:
        client.models.list()
        assert ask_chat(client).choices[0].message.content == "one"
    assert [request.is_question for request in server.requests] == [False, True]


def test_more_choices_than_one_are_given_when_they_are_asked_for() -> None:
    with ModelServer() as server, openai_client(server) as client:
        found = ask_chat(client, n=3)
        streamed = [part.choices[0].index for part in stream_chat(client, n=2)]
    assert [choice.index for choice in found.choices] == [0, 1, 2]
    assert set(streamed) == {0, 1}


def test_the_tokens_are_counted_in_the_fields_of_each_dialect() -> None:
    with ModelServer(default=Answer("x", usage=USAGE)) as server:
        with openai_client(server) as client:
            of_chat, of_responses = ask_chat(client).usage, respond(client).usage
        with anthropic_client(server) as other:
            of_messages = ask_messages(other).usage
    assert of_chat is not None
    assert of_chat.prompt_tokens_details is not None
    assert of_chat.completion_tokens_details is not None
    assert (of_chat.prompt_tokens, of_chat.completion_tokens, of_chat.total_tokens) == (100, 30, 130)
    assert of_chat.prompt_tokens_details.cached_tokens == 40
    assert of_chat.completion_tokens_details.reasoning_tokens == 20
    assert of_responses is not None
    assert (of_responses.input_tokens, of_responses.output_tokens) == (100, 30)
    assert of_responses.input_tokens_details.cached_tokens == 40
    assert of_responses.input_tokens_details.cache_write_tokens == 10
    assert of_responses.output_tokens_details.reasoning_tokens == 20
    assert (of_messages.input_tokens, of_messages.output_tokens) == (50, 30)
    assert of_messages.cache_read_input_tokens == 40
    assert of_messages.cache_creation_input_tokens == 10


def test_tokens_are_counted_by_the_length_of_the_texts_when_the_answer_says_none() -> None:
    with ModelServer() as server, openai_client(server) as client:
        usage = ask_chat(client, "x" * 9).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 3)


def test_reasoning_is_where_each_provider_has_it() -> None:
    steps = [Answer("42", "thinking"), Answer("42", "thinking", "reasoning"), Answer("42", "thinking", "think_tags")]
    with ModelServer([*steps, steps[0], steps[0], steps[0]]) as server:
        with openai_client(server) as client:
            first, second, third = chat(client).message, chat(client).message, chat(client).message
            item, message = respond(client).output
            plain = complete(client).choices[0].text
        with anthropic_client(server) as other:
            block, _ = ask_messages(other).content
    assert (first.content, first.model_extra) == ("42", {"reasoning_content": "thinking"})
    assert (second.content, second.model_extra) == ("42", {"reasoning": "thinking"})
    assert third.content == plain == "<think>thinking</think>42"
    assert item.type == "reasoning"
    assert item.summary[0].text == "thinking"
    assert message.type == "message"
    assert block.type == "thinking"
    assert block.thinking == "thinking"


def test_calls_of_tools_are_in_the_form_of_each_dialect() -> None:
    with ModelServer(default=Answer(tool_calls=(CALL,))) as server:
        with openai_client(server) as client:
            choice, (item,) = chat(client), respond(client).output
        with anthropic_client(server) as other:
            message = ask_messages(other)
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (call.id, call.function.name, call.function.arguments) == ("call_7", CALL.name, CALL.arguments)
    assert item.type == "function_call"
    assert (item.call_id, item.name, item.arguments) == ("call_7", CALL.name, CALL.arguments)
    (block,) = message.content
    assert message.stop_reason == "tool_use"
    assert block.type == "tool_use"
    assert (block.id, block.name, block.input) == ("call_7", "weather", {"city": "Delft"})


def test_a_refusal_has_words_of_its_own() -> None:
    with ModelServer(default=Answer(refusal="I cannot.", finish="refusal")) as server:
        with openai_client(server) as client:
            choice, (item,) = chat(client), respond(client).output
        with anthropic_client(server) as other:
            message = ask_messages(other)
    assert (choice.message.refusal, choice.message.content, choice.finish_reason) == ("I cannot.", None, "stop")
    assert item.type == "message"
    (part,) = item.content
    assert part.type == "refusal"
    assert part.refusal == "I cannot."
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None
    assert message.stop_details.explanation == "I cannot."


def test_a_content_filter_leaves_no_text() -> None:
    with ModelServer(default=Answer(None, finish="content_filter")) as server:
        with openai_client(server) as client:
            choice, response = chat(client), respond(client)
        with anthropic_client(server) as other:
            message = ask_messages(other)
    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "content_filter"
    assert message.stop_reason == "refusal"


def test_a_truncation_may_leave_nothing_but_tokens_of_reasoning() -> None:
    cut = Answer("", finish="length", usage=Usage(prompt=5, output=64, reasoning=64))
    with ModelServer(default=cut) as server:
        with openai_client(server) as client:
            found, response = ask_chat(client), respond(client)
        with anthropic_client(server) as other:
            message = ask_messages(other)
    assert (found.choices[0].finish_reason, found.choices[0].message.content) == ("length", "")
    assert found.usage is not None
    assert found.usage.completion_tokens_details is not None
    assert found.usage.completion_tokens_details.reasoning_tokens == 64
    assert (response.status, response.output_text) == ("incomplete", "")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert (message.stop_reason, message.content) == ("max_tokens", [])


def test_a_finish_reason_that_nobody_knows_is_sent_as_it_is() -> None:
    with ModelServer(default=Answer("x", finish="gave_up")) as server:
        with openai_client(server, is_strict=False) as client:
            assert chat(client).finish_reason == "gave_up"
            assert respond(client).incomplete_details.reason == "gave_up"  # type: ignore[union-attr]
        with anthropic_client(server, is_strict=False) as other:
            assert str(ask_messages(other).stop_reason) == "gave_up"


def test_the_model_that_answers_may_be_another_one() -> None:
    with ModelServer(default=Answer("x", served_model="a-model-2026", extra={"provider": "Upstream"})) as server:
        with openai_client(server) as client:
            found = ask_chat(client)
            assert respond(client).model == "a-model-2026"
        with anthropic_client(server) as other:
            assert ask_messages(other).model == "a-model-2026"
    assert (found.model, found.model_extra) == ("a-model-2026", {"provider": "Upstream"})


def stream_chat(client: openai.OpenAI, **more: Any) -> Iterator[openai.types.chat.ChatCompletionChunk]:
    messages: Any = [{"role": "user", "content": "one two three"}]
    yield from client.chat.completions.create(model=MODEL, messages=messages, stream=True, **more)


def test_chat_streams_its_words_its_reasoning_its_calls_and_at_last_its_tokens() -> None:
    answer = Answer("one two", "so so", tool_calls=(CALL,), usage=USAGE)
    with ModelServer([answer, "three"]) as server, openai_client(server) as client:
        parts = list(stream_chat(client, stream_options={"include_usage": True}))
        without = list(stream_chat(client))
    *deltas, last = parts
    words = [part.choices[0].delta for part in deltas]
    assert "".join(delta.content or "" for delta in words) == "one two"
    assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in words) == "so so"
    calls = [call for delta in words for call in delta.tool_calls or ()]
    assert calls[0].function is not None
    assert (calls[0].id, calls[0].function.name) == ("call_7", "weather")
    assert "".join(call.function.arguments or "" for call in calls if call.function) == CALL.arguments
    assert deltas[-1].choices[0].finish_reason == "tool_calls"
    assert last.usage is not None
    assert last.usage.completion_tokens == 30
    assert [part.usage for part in without] == [None] * len(without)


def test_plain_completions_stream_their_text() -> None:
    """The client's type does not know that a finish reason is null until the end."""
    with ModelServer() as server, openai_client(server, is_strict=False) as client:
        parts = list(client.completions.create(model=MODEL, prompt="one two", stream=True))
    assert [part.choices[0].text for part in parts] == ["one", " two", ""]
    assert parts[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "answer",
    [Answer("one two", "so so", tool_calls=(CALL,)), Answer(refusal="I cannot.")],
    ids=["everything", "refusal"],
)
@pytest.mark.not_smoke
def test_responses_stream_events_that_add_up_to_the_whole(answer: Answer) -> None:
    with ModelServer(default=answer) as server, openai_client(server) as client:
        with client.responses.stream(model=MODEL, input="Hello") as stream:
            kinds = [event.type for event in stream]
            streamed = stream.get_final_response()
        begun = client.responses.create(model=MODEL, input="Hello", stream=True)
        first, *_ = [event.item for event in begun if event.type == "response.output_item.added"]
        whole = respond(client)
    assert not getattr(first, "content", None)
    assert not getattr(first, "summary", None)
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert [item.type for item in streamed.output] == [item.type for item in whole.output]
    assert streamed.output_text == whole.output_text
    deltas = {kind for kind in kinds if kind.endswith(".delta")}
    expected = {"response.refusal.delta"}
    if answer.refusal is None:
        expected = {
            "response.output_text.delta",
            "response.reasoning_summary_text.delta",
            "response.function_call_arguments.delta",
        }
    assert deltas == expected


def test_a_response_that_is_cut_ends_its_stream_as_incomplete() -> None:
    with ModelServer(default=Answer("x", finish="length")) as server, openai_client(server) as client:
        events = list(client.responses.create(model=MODEL, input="Hello", stream=True))
    assert events[-1].type == "response.incomplete"


def test_messages_stream_blocks_that_add_up_to_the_whole() -> None:
    answer = Answer("one two", "so so", tool_calls=(CALL,), usage=USAGE)
    with ModelServer(default=answer) as server, anthropic_client(server) as client:
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello"}]
        with client.messages.stream(model=MODEL, max_tokens=9, messages=messages) as stream:
            kinds = {event.type for event in stream}
            streamed = stream.get_final_message()
        whole = ask_messages(client)
    assert {"message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"} <= kinds
    assert [block.model_dump() for block in streamed.content] == [block.model_dump() for block in whole.content]
    assert (streamed.stop_reason, streamed.usage.output_tokens) == ("tool_use", 30)


def test_models_are_listed_in_the_dialect_of_the_client() -> None:
    with ModelServer(models=("m-1", "org/m-2")) as server:
        with openai_client(server) as client:
            assert [model.id for model in client.models.list()] == ["m-1", "org/m-2"]
            assert client.models.retrieve("m-1").id == "m-1"
            with pytest.raises(openai.NotFoundError, match="'m-3' does not exist"):
                client.models.retrieve("m-3")
            with pytest.raises(openai.NotFoundError, match="'a-model' does not exist"):
                ask_chat(client)
        with anthropic_client(server) as other:
            assert [model.id for model in other.models.list()] == ["m-1", "org/m-2"]


def test_tokens_of_a_prompt_are_counted() -> None:
    with ModelServer() as server, anthropic_client(server) as client:
        messages: Any = [{"role": "user", "content": "x" * 8}]
        assert client.messages.count_tokens(model=MODEL, system="y" * 4, messages=messages).input_tokens == 3


def test_replies_have_the_headers_of_a_provider() -> None:
    with ModelServer() as server:
        with openai_client(server) as client:
            raw = client.chat.completions.with_raw_response.create(
                model=MODEL, messages=[{"role": "user", "content": "Hello"}]
            )
            assert raw.headers["openai-organization"]
            assert "__cf_bm=" in raw.headers["set-cookie"]
            assert raw.request_id == "req_00000000"
        with anthropic_client(server) as other:
            assert ask_messages(other)._request_id == "req_00000001"
    with ModelServer(private_headers=False) as server, openai_client(server) as client:
        messages: Any = [{"role": "user", "content": "Hello"}]
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=messages)
        assert "set-cookie" not in raw.headers
