"""Conversation that a case asks a model to continue."""

from typing import Any

import pytest

from themis.adapters.conversation import Conversation, conversation_of, image_that_is_a_path, text_of
from themis.core.contexts import GenerateContext
from themis.core.models import Case
from themis.core.prompts import PromptSpec


def conversation(
    value: Any, *, prompt: PromptSpec | None = None, instructions: str | None = None, builder: Any = None
) -> Conversation:
    context = GenerateContext(run_id="r", case_id="c", prompt_spec=prompt)
    return conversation_of(Case(case_id="c", input=value), context, instructions, builder)


USER = [{"role": "user", "content": "2 + 2?"}]
SYSTEM = {"role": "system", "content": "Be brief."}


def test_a_text_is_a_turn_of_the_user() -> None:
    assert conversation("2 + 2?") == Conversation(None, USER)


def test_a_list_of_messages_is_the_conversation_as_it_is() -> None:
    turns = [*USER, {"role": "assistant", "content": "4"}, {"role": "user", "content": [{"type": "text", "text": "?"}]}]
    assert conversation(turns).messages == turns


@pytest.mark.parametrize("value", [{"question": "wie groß?"}, ["a", "b"], [], 7, True, [{"role": "user"}]])
def test_another_value_is_its_json_text(value: Any) -> None:
    assert conversation(value).turns == [{"role": "user", "content": text_of(value)}]


def test_json_keeps_letters_readable() -> None:
    assert conversation({"q": "wie groß?"}).turns[0]["content"] == '{"q": "wie groß?"}'


def test_nothing_is_an_empty_text() -> None:
    assert conversation(None).turns[0]["content"] == ""


def test_the_prompt_is_written_around_a_text() -> None:
    prompt = PromptSpec(instructions="Answer.", prefix="Maths.")
    asked = conversation("2 + 2?", prompt=prompt)
    assert asked.turns[0]["content"] == prompt.render_input("2 + 2?")
    assert asked.instructions is None


def test_the_prompt_of_a_conversation_is_its_system_message_and_leaves_its_turns() -> None:
    asked = conversation(USER, prompt=PromptSpec(instructions="Answer.", prefix="Maths."))
    assert asked.messages == [{"role": "system", "content": "Instructions:\nAnswer.\n\nMaths."}, *USER]


def test_a_system_message_of_the_conversation_follows_the_instructions_in_one_message() -> None:
    asked = conversation([SYSTEM, *USER], instructions="You calculate.")
    assert asked.messages == [{"role": "system", "content": "You calculate.\n\nBe brief."}, *USER]


def test_a_system_message_stays_a_turn_where_nothing_else_is_told() -> None:
    assert conversation([SYSTEM, *USER]).messages == [SYSTEM, *USER]


def test_a_system_message_of_parts_stays_a_turn() -> None:
    parts = {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    asked = conversation([parts, *USER], instructions="You calculate.")
    assert asked.messages == [{"role": "system", "content": "You calculate."}, parts, *USER]


@pytest.mark.parametrize("value", ["2 + 2?", USER])
def test_equal_instructions_of_prompt_and_generator_are_sent_once(value: Any) -> None:
    asked = conversation(value, prompt=PromptSpec(instructions="Answer."), instructions="Answer.")
    assert asked.messages == [{"role": "system", "content": "Answer."}, *USER]


def test_other_instructions_of_the_prompt_are_sent_too() -> None:
    asked = conversation(USER, prompt=PromptSpec(instructions="Answer."), instructions="You calculate.")
    assert asked.messages[0]["content"] == "You calculate.\n\nInstructions:\nAnswer."


def test_a_conversation_is_not_changed_by_an_empty_prompt() -> None:
    assert conversation(USER, prompt=PromptSpec()).messages == USER


def test_the_input_of_a_case_is_what_the_builder_makes_of_it() -> None:
    assert conversation("x", builder=lambda case: [*USER, {"role": "user", "content": case.input}]).turns[-1] == {
        "role": "user",
        "content": "x",
    }


def test_a_model_that_completes_gets_one_text() -> None:
    assert conversation([SYSTEM, *USER], instructions="Hi.").text == "Hi.\n\nBe brief.\n\n2 + 2?"


def test_the_texts_of_content_parts_are_joined() -> None:
    assert text_of([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"type": "image_url", "image_url": {"url": "pictures/cat.png"}}, "pictures/cat.png"),
        ({"type": "image_url", "image_url": "/data/cat.png"}, "/data/cat.png"),
        ({"type": "input_image", "image_url": "cat.png"}, "cat.png"),
        ({"type": "image", "source": {"type": "url", "url": "C:\\cat.png"}}, "C:\\cat.png"),
        ({"type": "image_url", "image_url": {"url": "https://host/cat.png"}}, None),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, None),
        ({"type": "image_url", "image_url": {"url": "file:///data/cat.png"}}, None),
        ({"type": "input_image", "file_id": "file-1"}, None),
        ({"type": "image", "source": {"type": "base64", "data": "AAAA"}}, None),
        ({"type": "text", "text": "pictures/cat.png"}, None),
        ({"type": "image_url", "image_url": 7}, None),
        ("pictures/cat.png", None),
    ],
)
def test_an_image_that_is_named_by_a_path_is_noticed(part: Any, path: str | None) -> None:
    turns: list[dict[str, Any]] = [{"role": "system", "content": "Look."}, {"role": "user", "content": [part]}]
    assert image_that_is_a_path(turns) == path
