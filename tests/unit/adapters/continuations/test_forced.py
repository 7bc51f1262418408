"""Continuations that a server of llama.cpp is forced to generate."""

from typing import Any

import pytest

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.continuations import forced

TOKENS = [{"id": 2, "piece": "<bos>"}, {"id": 5, "piece": "Once"}, {"id": 7, "piece": " up"}, {"id": 9, "piece": "on"}]


def content(*ids: int) -> dict[str, Any]:
    top = [{"id": 3, "logprob": -0.25}]
    return {"choices": [{"logprobs": {"content": [{"id": one, "logprob": -1.5, "top_logprobs": top} for one in ids]}}]}


def test_the_tokens_of_the_continuation_are_asked_for_after_those_of_the_context() -> None:
    split = forced.split({"tokens": TOKENS}, "Once", " upon")
    assert (split.before, split.forced, split.pieces) == ([2, 5], [7, 9], [b" up", b"on"])
    asked = forced.asked(split)
    assert (asked["prompt"], asked["grammar"], asked["max_tokens"]) == ([2, 5], 'root ::= " upon"', 2)
    assert asked["logit_bias"]["7"] > asked["logit_bias"]["9"] > 50


def test_a_token_across_the_boundary_is_forced_as_a_whole() -> None:
    split = forced.split({"tokens": TOKENS}, "Once u", "pon")
    assert (split.before, split.forced) == ([2, 5], [7, 9])


def test_without_a_context_and_a_mark_the_first_token_is_left_out() -> None:
    split = forced.split({"tokens": TOKENS[1:]}, "", "Once upon")
    assert (split.before, split.forced, split.pieces) == ([5], [7, 9], [b" up", b"on"])


def test_parts_of_a_character_are_lists_of_bytes() -> None:
    tokens = [{"id": 1, "piece": "A"}, {"id": 2, "piece": [0xF0, 0x9F]}, {"id": 3, "piece": [0x98, 0x80]}]
    assert forced.split({"tokens": tokens}, "A", "😀").pieces == [b"\xf0\x9f", b"\x98\x80"]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        {"tokens": [1, 2]},
        {"tokens": [{"id": "1", "piece": "Once upon"}]},
        {"tokens": [{"id": 1}]},
        {"tokens": [{"id": 1, "piece": [300]}]},
        {"tokens": [{"id": 1, "piece": "Twice"}]},
        {"tokens": []},
    ],
)
def test_a_tokenizer_that_says_something_else_is_refused(reply: Any) -> None:
    with pytest.raises(UnreadableReplyError, match="token"):
        forced.split(reply, "Once", " upon")


@pytest.mark.parametrize(
    ("text", "rule"),
    [(' "q"', r" \"q\""), ("a\\b", r"a\\b"), ("a\nb\t", r"a\U0000000Ab\U00000009"), ("é😀", "é😀"), ("]{", "]{")],
)
def test_a_grammar_allows_the_text_alone(text: str, rule: str) -> None:
    assert forced.grammar(text.encode()) == f'root ::= "{rule}"'


def test_a_grammar_cannot_begin_in_a_character() -> None:
    with pytest.raises(UnreadableReplyError, match="middle of a character"):
        forced.grammar("é".encode()[1:])


def test_the_log_probabilities_are_those_of_the_forced_tokens() -> None:
    split = forced.split({"tokens": TOKENS}, "Once", " upon")
    found = forced.read(content(7, 9, 1), split)
    assert [(token.piece, token.log_probability, token.highest) for token in found] == [
        (b" up", -1.5, -0.25),
        (b"on", -1.5, -0.25),
    ]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ({}, "no log-probabilities"),
        ({"choices": [{"logprobs": None}]}, "no log-probabilities"),
        ({"choices": [{"logprobs": {"content": [1]}}]}, "no log-probabilities"),
        (content(7), "not forced"),
        (content(7, 8), "not forced"),
    ],
)
def test_other_tokens_or_none_are_a_broken_reply(reply: dict[str, Any], fault: str) -> None:
    with pytest.raises(UnreadableReplyError, match=fault):
        forced.read(reply, forced.split({"tokens": TOKENS}, "Once", " upon"))
