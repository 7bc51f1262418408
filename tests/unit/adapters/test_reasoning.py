"""Reasoning, split from the answer."""

import pytest

from themis.adapters.reasoning import split_reasoning


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("42", "42", None),
        ("<think>2 + 2</think>\n\n4", "4", "2 + 2"),
        ("\n <think>\n2 + 2\n</think>4", "4", "2 + 2"),
        ("<thinking>hm</thinking> 4", "4", "hm"),
        ("<think></think>4", "4", ""),
        ("2 + 2 is 4\n</think>\n4", "4", "2 + 2 is 4"),
        ("<think>2 + 2 is", "", "2 + 2 is"),
        ("<think>a</think>b</think>c", "b</think>c", "a"),
        ("A tag such as <think> is not an end.", "A tag such as <think> is not an end.", None),
        ("It wrote <think>x</think> in the middle.", "It wrote <think>x</think> in the middle.", None),
        ("<thought>x</thought>4", "<thought>x</thought>4", None),
        ("", "", None),
    ],
)
def test_a_text_is_split_where_its_reasoning_ends(text: str, answer: str, reasoning: str | None) -> None:
    assert split_reasoning(text) == (answer, reasoning)
