"""What is said around an input."""

from typing import Any

import pytest
from pydantic import ValidationError

from themis.core.prompts import PromptSpec


@pytest.mark.parametrize("value", ["text", "", None, 3, {"a": [1]}, [], True])
def test_an_empty_prompt_leaves_the_input_untouched(value: Any) -> None:
    assert PromptSpec().render_input(value) is value


@pytest.mark.parametrize("empty", [{"instructions": ""}, {"prefix": ""}, {"blocks": []}, {"suffix": None}])
def test_parts_without_content_are_no_parts(empty: dict[str, Any]) -> None:
    spec = PromptSpec(**empty)
    assert spec.is_empty
    assert spec.render_input("x") == "x"


def test_the_parts_stand_in_their_order_parted_by_blank_lines() -> None:
    spec = PromptSpec(
        instructions="Answer.",
        prefix="Before.",
        blocks=[{"title": "Hint", "b": "It is small.", "a": 1}, {"content": "Second."}],
        suffix="After.",
    )
    rendered = spec.render_input("2 + 2?")
    assert isinstance(rendered, str)
    assert rendered.split("\n\n") == [
        "Instructions:\nAnswer.",
        "Before.",
        'Hint:\n{"a": 1, "b": "It is small."}',
        'Block 2:\n{"content": "Second."}',
        "After.",
        "Input:\n2 + 2?",
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"title": "T", "a": 1}, 'T:\n{"a": 1}'),
        ({"title": "Example", "question": "1 + 1", "answer": 2}, 'Example:\n{"answer": 2, "question": "1 + 1"}'),
        ({"question": "1 + 1"}, 'Block 1:\n{"question": "1 + 1"}'),
        ({"title": ""}, 'Block 1:\n{"title": ""}'),
        ({"title": 7, "content": "x"}, 'Block 1:\n{"content": "x", "title": 7}'),
        ({"content": {"ü": [1, None], "a": {}}}, 'Block 1:\n{"content": {"a": {}, "ü": [1, null]}}'),
        ({"title": "T"}, "T:\n{}"),
        ({}, "Block 1:\n{}"),
    ],
)
def test_a_block_is_headed_by_its_title_or_number(block: dict[str, Any], expected: str) -> None:
    assert PromptSpec(blocks=[block]).render_input("q") == f"{expected}\n\nInput:\nq"


def test_equal_blocks_give_one_prompt_in_whatever_order_their_keys_were_written() -> None:
    one, other = (
        PromptSpec(blocks=[{"b": 1, "a": {"d": 1, "c": 2}}]),
        PromptSpec(blocks=[{"a": {"c": 2, "d": 1}, "b": 1}]),
    )
    assert one.render_input("q") == other.render_input("q")


@pytest.mark.parametrize(("value", "text"), [({"q": "é"}, '{"q": "é"}'), (None, "null"), (2.5, "2.5"), ("x", "x")])
def test_an_input_that_is_no_text_is_written_as_json(value: Any, text: str) -> None:
    assert PromptSpec(suffix="s").render_input(value) == f"s\n\nInput:\n{text}"


@pytest.mark.parametrize(
    "wrong", [{"instruction": "x"}, {"blocks": [3]}, {"blocks": [{"a": float("nan")}]}, {"prefix": 3}], ids=str
)
def test_a_prompt_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PromptSpec(**wrong)


def test_a_prompt_does_not_change() -> None:
    spec = PromptSpec(prefix="x")
    with pytest.raises(ValidationError):
        spec.prefix = "y"  # type: ignore[misc]  # what is refused is what is tested
