"""Replies with an echo: what is read from them, and what is refused."""

from typing import Any

import pytest

from tests.support.model_server.scoring import echoed_choice, log_likelihood
from themis.adapters.answer import UnreadableReplyError
from themis.adapters.continuations import echoed
from themis.adapters.continuations.log_probabilities import score_of

CONTEXT, TEXTS = "The capital of France is", [" Paris", " a city in the north"]
COUNT = 10
"""Tokens of the first prompt, and the generated one."""


def reply(**changes: Any) -> dict[str, Any]:
    """A reply about both texts; `changes` are made to the log-probabilities of the first."""
    choices = [{"index": number, **echoed_choice(CONTEXT + text)} for number, text in enumerate(TEXTS)]
    choices[0]["logprobs"] |= changes
    return {"choices": choices}


def values(document: dict[str, Any]) -> list[float]:
    found = echoed.read(document, CONTEXT, TEXTS)
    return [score_of(text, tokens).log_likelihood for text, tokens in zip(TEXTS, found, strict=True)]


def test_each_text_is_a_prompt_and_one_text_alone_is_no_list() -> None:
    assert echoed.prompt("Once", [" upon", " more"]) == ["Once upon", "Once more"]
    assert echoed.prompt("Once", [" upon"]) == "Once upon"


def test_the_log_likelihoods_are_those_of_the_tokens_after_the_context() -> None:
    assert values(reply()) == [log_likelihood(CONTEXT, text) for text in TEXTS]


def test_choices_may_come_in_any_order() -> None:
    document = reply()
    document["choices"].reverse()
    assert values(document) == values(reply())


@pytest.mark.parametrize("missing", ["top_logprobs", "text_offset"])
def test_what_is_not_needed_may_be_missing(missing: str) -> None:
    found = echoed.read(reply(**{missing: None}), CONTEXT, TEXTS)[0]
    assert score_of(TEXTS[0], found).is_greedy is (None if missing == "top_logprobs" else False)


def test_positions_tell_the_boundary_where_tokens_do_not_spell_the_text() -> None:
    spelled = reply()["choices"][0]["logprobs"]["tokens"]
    odd = [token.replace(" ", "Ġ") for token in spelled]
    assert values(reply(tokens=odd)) == values(reply())
    offsets = reply()["choices"][0]["logprobs"]["text_offset"]
    for wrong in (None, [*offsets[:-1], offsets[-1] + 1], offsets[::-1], offsets[1:], [str(at) for at in offsets]):
        with pytest.raises(UnreadableReplyError, match="do not spell the text"):
            values(reply(tokens=odd, text_offset=wrong))


@pytest.mark.parametrize(
    "change",
    [{"text": " and"}, {"text": ""}, {"text": None}, {"logprobs": None}, {"logprobs": {"content": []}}],
)
def test_a_server_that_ignores_what_is_asked_for_is_told_from_a_broken_reply(change: dict[str, Any]) -> None:
    document = reply()
    document["choices"][0] |= change
    with pytest.raises(echoed.NoEchoError):
        values(document)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"tokens": None}, "not as many tokens"),
        ({"tokens": ["a"]}, "not as many tokens"),
        ({"tokens": [1] * COUNT}, "not texts"),
        ({"token_logprobs": [None] * COUNT}, "first token is missing"),
        ({"token_logprobs": ["x"] * COUNT}, "at most 0"),
        ({"token_logprobs": [0.5] * COUNT}, "at most 0"),
        ({"top_logprobs": [{"a": "b"}] * COUNT}, "at most 0"),
    ],
)
def test_a_broken_reply_is_refused_with_its_fault(change: dict[str, Any], fault: str) -> None:
    assert len(reply()["choices"][0]["logprobs"]["tokens"]) == COUNT
    with pytest.raises(UnreadableReplyError, match=fault):
        values(reply(**change))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": reply()["choices"][:1]},
        {"choices": [*reply()["choices"], reply()["choices"][0]]},
        {"choices": [reply()["choices"][0]] * 2},
        {"choices": [1, 2]},
    ],
)
def test_there_must_be_a_choice_for_each_text(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableReplyError, match="choices"):
        values(document)


def test_another_text_than_was_sent_is_a_broken_reply() -> None:
    document = reply()
    document["choices"][0]["text"] = CONTEXT + " Lyon"
    with pytest.raises(UnreadableReplyError, match="another text"):
        values(document)
