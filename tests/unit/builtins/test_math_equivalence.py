"""Which answers mean the same, and that reading them never takes long."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.builtins.math_equivalence import MathEquivalence, same_answer
from themis.core.builtins.math_text import MAX_CHARACTERS, comparable, read_quantity

ScoreIt = Callable[[Any, Any, Any], float | str]
Seconds = Callable[[Callable[[], object]], float]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("18", "18.00"), ("18.", "18"), ("0", "-0"), (".5", "1/2"), ("5.", "5"), ("+5", "5"), ("007", "7"),
        ("1,000", "1000"), ("1,234,567.5", "1234567.5"), ("1 000 000", "1000000"), (r"1\,000", "1000"),
        (r"1{,}000", "1,000"), ("\N{MINUS SIGN}5", "-5"), ("- 5", "-5"),
        ("$18.00", "18"), (r"\$18", "18"), ("-$5", "-5"), ("$-5", "-5"), ("€5", "5 euros"), ("5 €", "5"), ("5€", "€5"),
        ("$18$", "18"), (r"$\frac{1}{2}$", "0.5"), (r"\(5\)", "5"), (r"\[ 5 \]", "5"), (r"\left(5\right)", "(5)"),
        (r"\dfrac12", "1/2"), (r"\frac{-1}{2}", "-1/2"), (r"-\frac{1}{2}", "-0.5"), ("1.5/3", "0.5"),
        ("1 1/2", "1.5"), (r"1\frac{1}{2}", "3/2"), ("2½", "2.5"), ("½", "0.5"), ("-1 1/2", "-1.5"),
        ("50%", "50"), ("50%", "0.5"), (r"50\%", "50 percent"), ("12.5 %", "1/8"),
        ("18 dollars", "$18"), ("18 dollars", "18"), ("$18 per day", "$18"), ("18 usd", "18 dollars"),
        ("12 hours per day", "12"), ("3/4 cup", "0.75 cups"), (r"5\text{ cm}", "5 cm"), (r"5\ \text{apples}", "5"),
        ("5 km", "5km"), ("5 km", "5"), ("5 m^2", "5 m²"), (r"90^\circ", "90"), ("90°", "90 degrees"),
        ("1.5 million", "1500000"), ("-1.8 billion", "-1800000000"), ("2 thousand dollars", "$2,000"),
        ("5e3", "5000"), ("1e-3", "0.001"), (r"2 \times 10^{3}", "2000"), ("2 \xd7 10^3", "2000"),
        ("x = 5", "5"), ("**18**", "18"), ("10²", "10^2"),
        ("Yes", "yes"), (r"\frac{x}{2}", r"\dfrac{x}{2}"), ("x^{2} + 1", "x^2+1"), (r"\sqrt{2}", r"\sqrt 2"),
        (18, "18"), (18.0, "18"), (0.1, "0.1"), (1e22, "10000000000000000000000"),
    ],
)  # fmt: skip
def test_these_mean_the_same(one: Any, other: Any) -> None:
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("18", "19"), ("18", "-18"), ("0.33", "1/3"), ("50%", "0.5%"), ("10²", "102"), ("2^10", "1024"),
        ("5x", "5"), ("5 x", "5"), ("5i", "5"), ("5 pi", "5"), (r"5\pi", "5"), ("5!", "5"), ("2 sqrt(2)", "2"),
        ("5 km", "5 m"), ("18 dollars", "18 euros"), ("1.8 billion", "1.8"), ("1,2", "12"), ("1,0000", "10000"),
        ("5 6", "56"), ("12", "1 2"), ("(1,2)", "1"), ("18 because 3", "18"), ("5 or six", "5"), ("five", "5"),
        ("1/0", "1"), ("1/0", "0"), ("9**9**9", "9"), ("1e999999999", "1"), ("10 : 3", "10"), ("yes", "no"),
    ],
)  # fmt: skip
def test_these_do_not(one: Any, other: Any) -> None:
    assert not same_answer(one, other)
    assert not same_answer(other, one)


def test_a_number_too_long_to_be_written_is_compared_all_the_same() -> None:
    huge = 10**5000
    assert same_answer(huge, huge)
    assert not same_answer(huge, huge + 1)
    assert not same_answer(huge, "1")
    assert not same_answer("many", huge)


def test_the_answer_may_stand_in_an_object(score: ScoreIt) -> None:
    assert score(MathEquivalence(), "18.00", {"answer": 18}) == 1.0
    assert score(MathEquivalence(), 18, {"answer": "18"}) == 1.0
    assert score(MathEquivalence(), "19", {"answer": "18", "unit": "x"}) == 0.0


@pytest.mark.parametrize("expected", [None, "", "  ", True, [], {}, {"answer": None}, {"answer": True}])
def test_it_needs_something_to_compare_with(score: ScoreIt, expected: Any) -> None:
    reason = "expected_output must be a text, a number or {answer: <text or number>}"
    assert score(MathEquivalence(), "1", expected) == reason


@pytest.mark.parametrize(
    ("value", "what"), [(None, "null"), (True, "true or false"), ([1], "a list"), ({}, "an object")]
)
def test_it_needs_a_parsed_text_or_number(score: ScoreIt, value: Any, what: str) -> None:
    assert score(MathEquivalence(), value, "1") == f"the parsed value must be a text or a number, not {what}"


@pytest.mark.parametrize(
    "piece",
    ["9", "1,", "1 ", "0 ", "1 000", "(", "{", "$", "½", "\\frac{", "\\text{", "\\left", "9**", "x=", "a", " ", "=",
     "1/", "\ufdfa", "٣", "5 m", "**", "-", "%", "1e9", "\\,"],
)  # fmt: skip
def test_no_text_takes_long(seconds: Seconds, piece: str) -> None:
    for length in (MAX_CHARACTERS, 1_000_000):
        text = piece * (length // len(piece))
        for whole in (text, f"1{text}", f"{text}1"):
            assert seconds(lambda whole=whole: (read_quantity(whole), comparable(whole))) < 3  # type: ignore[misc]


@pytest.mark.parametrize("text", ["1e999999999", "9" * 100 + "e401", "1e" + "9" * 400, r"1 \times 10^{99999}"])
def test_exponents_are_bounded(text: str) -> None:
    assert read_quantity(text) is None


@given(st.fractions(max_denominator=10**6))
def test_a_fraction_is_read_exactly_in_each_notation(number: Fraction) -> None:
    sign = "-" if number < 0 else ""
    over, under = abs(number.numerator), number.denominator
    for text in (
        f"{sign}{over}/{under}",
        rf"{sign}\frac{{{over}}}{{{under}}}",
        rf"$ {sign}\dfrac{{{over}}}{{{under}}} $",
    ):
        found = read_quantity(text)
        assert found is not None
        assert found.value == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_a_decimal_is_read_exactly_with_and_without_separators(number: Any) -> None:
    for text in (str(number), f"{number:,}", f"${number:,}", f"{number} dollars"):
        found = read_quantity(text)
        assert found is not None
        assert found.value == Fraction(number)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_equals_itself_and_the_order_does_not_count(one: str, other: str) -> None:
    assert same_answer(one, one)
    assert same_answer(f" {one} ", one)
    assert same_answer(one, other) == same_answer(other, one)
