"""Tokens of a continuation: where it begins among them, and what they come to."""

from collections.abc import Sequence
from typing import Any

import pytest

from themis.adapters.answer import UnreadableReplyError
from themis.adapters.continuations.log_probabilities import (
    Token,
    continuation_tokens,
    log_probability,
    piece_of,
    score_of,
)


def tokens(*pieces: str | bytes) -> list[Token]:
    return [Token(piece.encode() if isinstance(piece, str) else piece, -1.0) for piece in pieces]


def of_continuation(found: Sequence[Token], context: str, continuation: str) -> list[bytes] | None:
    ours = continuation_tokens(found, context.encode(), continuation.encode())
    return None if ours is None else [token.piece for token in ours]


@pytest.mark.parametrize(
    ("pieces", "context", "continuation", "expected"),
    [
        (["Cap", "ital:", " Par", "is", " and"], "Capital:", " Paris", [b" Par", b"is"]),
        (["Capital:", " Paris"], "Capital: ", "Paris", [b" Paris"]),  # a token across the boundary
        (["<s>", "Capital:", " Paris", "</s>"], "Capital:", " Paris", [b" Paris"]),  # marks around the text
        ([" Capital:", " Paris"], "Capital:", " Paris", [b" Paris"]),  # a tokenizer that puts a blank before a text
        (["", "Paris", ""], "", "Paris", [b"Paris"]),
        (["Of ", b"\xf0\x9f", b"\x98\x80", "!"], "Of ", "😀", [b"\xf0\x9f", b"\x98\x80"]),
        (["Caf", b"\xc3", b"\xa9", " au"], "Café", " au", [b" au"]),
        (["Capital:", " Lyon"], "Capital:", " Paris", None),
        ([], "Capital:", " Paris", None),
    ],
)
def test_a_continuation_is_made_of_all_tokens_that_have_any_byte_of_it(
    pieces: list[str | bytes], context: str, continuation: str, expected: list[bytes] | None
) -> None:
    assert of_continuation(tokens(*pieces), context, continuation) == expected


def test_the_log_likelihood_is_the_sum_and_greedy_when_each_token_is_the_likeliest() -> None:
    found = score_of(" wörld", [Token(b" w", -0.5, -0.5), Token("örld".encode(), -2.25, -2.25)])
    assert (found.log_likelihood, found.tokens, found.characters, found.utf8_bytes) == (-2.75, 2, 6, 7)
    assert found.is_greedy is True
    assert score_of(" w", [Token(b" w", -0.5, -0.25)]).is_greedy is False
    assert score_of(" w", [Token(b" w", -0.5)]).is_greedy is None


def test_the_first_token_of_a_whole_text_is_left_out_with_its_part_of_the_text() -> None:
    found = score_of("Öl is oil", [Token("Öl".encode(), None), Token(b" is", -1.0), Token(b" oil", -2.0)])
    assert (found.log_likelihood, found.tokens, found.characters, found.utf8_bytes) == (-3.0, 2, 7, 7)


@pytest.mark.parametrize("found", [[], [Token(b"a", None)], [Token(b"a", -1.0), Token(b"b", None)]])
def test_any_other_token_without_a_log_probability_is_an_error(found: list[Token]) -> None:
    with pytest.raises(UnreadableReplyError, match="no log-probability"):
        score_of("ab", found)


@pytest.mark.parametrize("value", [True, "-1", [], 0.5, float("nan"), float("-inf"), float("inf")])
def test_what_is_no_log_probability_is_refused(value: Any) -> None:
    with pytest.raises(UnreadableReplyError, match="at most 0"):
        log_probability(value)


def test_a_rounded_zero_is_a_certainty() -> None:
    assert (log_probability(1e-9), log_probability(-1), log_probability(None)) == (0.0, -1.0, None)


def test_a_part_of_a_character_is_written_as_its_bytes() -> None:
    assert piece_of(r"bytes:\xF0\x9f") == b"\xf0\x9f"
    assert piece_of("bytes: two") == b"bytes: two"
    with pytest.raises(UnreadableReplyError):
        piece_of(7)
