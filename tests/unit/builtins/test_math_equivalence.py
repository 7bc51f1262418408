"""Which answers mean the same, and that reading them never takes long."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.builtins.answers.math_text import MAX_CHARACTERS, comparable, read_quantity
from themis.core.builtins.metrics.math_equivalence import MathEquivalence, same_answer

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
        # matrices, tuples and sets, part by part
        (r"\begin{pmatrix}6\\3\\0\end{pmatrix}", r"\begin{pmatrix} 6 \\ 3 \\ 0 \end{pmatrix}"),
        (r"\begin{pmatrix}6\\3\end{pmatrix}", r"\begin{bmatrix}6\\3\\\end{bmatrix}"),
        (r"\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix}", r"\begin{pmatrix}-\frac{1}{3}\\\frac{2}{3}\end{pmatrix}"),
        (r"\left(\begin{array}{cc}1&2\\3&4\end{array}\right)", r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}"),
        (r"(1,\frac{1}{2})", "(1, 0.5)"), (r"\{1,2\}", r"\left\{1, 2\right\}"), (r"(-\infty, 3]", "(-∞,3]"),
        # one sign, several names
        (r"\frac1{13}", "1/13"), (r"\frac{1}3", "1/3"), (r"\frac1{13}", r"\dfrac{1}{13}"), (r"\frac{1.5}{3}", "1/2"),
        (r"x\le 5", r"x \leq 5"), (r"x\le5", "x ≤ 5"), (r"x \ge 5", "x≥5"), (r"2\pi", "2π"), (r"\pi", "π"),
        (r"\frac{\pi}{2}", r"\dfrac\pi2"), (r"\frac{\pi}{2}", "π/2"), (r"-\frac{\pi}{2}", r"\frac{-\pi}{2}"),
        (r"\frac{\sqrt{3}}{2}", r"\sqrt{3}/2"), (r"\frac{x+1}{2}", "(x+1)/2"), (r"\sqrt[3]{2}", r"\sqrt[3]2"),
        (r"2\cdot x", r"2 \times x"), (r"\mathbb{R}", "R"), (r"\text{(B)}", "B"), (r"\boldsymbol{5}", "5"),
        # units
        ("48g", "48"), ("48g", "48 g"), ("48g", "48 grams"), ("6th", "6"), (r"6^\text{th}", "6th"), ("1st", "1"),
        ("-10°F", "-10"), ("-10°F", r"-10^{\circ}\text{F}"), ("-10°F", "-10 degrees Fahrenheit"),
        ("5 square meters", "5 m^2"), ("5 m²", "5 square metres"), ("5 sq ft", "5 square feet"),
        (r"5\text{ m}^2", "5 meters squared"), ("5 mph", "5 miles per hour"), ("60 km/h", "60 kilometers per hour"),
        ("18 large eggs", "18 eggs"), ("18 eggs in total", "18 eggs"), ("10 lbs", "10 pounds"), ("5m", "5 m"),
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
        ("5 square meters", "5 square feet"), ("5 m^2", "5 m"), ("5 cubic meters", "5 square meters"), ("5 m/s", "5 m"),
        (r"20^\circ", r"20\%"), ("20°", "20%"), ("$20", "20%"), ("10°F", "10°C"), ("5m", "5"), ("5 apples", "5 m"),
        (r"\begin{pmatrix}6\\3\\0\end{pmatrix}", r"\begin{pmatrix}6\\3\\1\end{pmatrix}"),
        (r"\begin{pmatrix}6\\3\\0\end{pmatrix}", r"\begin{pmatrix}630\end{pmatrix}"),
        (r"\begin{pmatrix}6&3\end{pmatrix}", r"\begin{pmatrix}6\\3\end{pmatrix}"),
        (r"x\le 5", "x < 5"), (r"2\pi", "2"), (r"x\frac{1}{2}", "x1/2"), ("(1,2)", "[1,2]"), (r"\{1,2\}", "(1,2)"),
        (r"1\frac12", "11/2"), (r"\sqrt{23}", r"\sqrt23"), ("6x", "6"), ("6the", "6"), ("48gx", "48"), ("5 J", "5 N"),
        ("12,34", "1234"), ("1.000", "1000"),
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


@pytest.mark.few(8)
@pytest.mark.parametrize(
    "piece",
    ["\\frac{1}", "((((", "####", "\\sqrt[", "^{", "\\begin{pmatrix}", "}", "\\\\", "5^2", " m^2", " per ", "-\\frac",
     "9", "1,", "1 ", "0 ", "1 000", "(", "{", "$", "½", "\\frac{", "\\text{", "\\left", "9**", "x=", "a", " ", "=",
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
@pytest.mark.not_smoke
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


PIECES = r"""
\frac { } 1 2 13 x \\ & \begin{pmatrix} \end{pmatrix} \sqrt [ ] ( ) ^ _ \circ ° % \% $ A m cm ² ½ - = . , \text{ \pi
≤ 中 th per / \ g square \, ~ °F
"""
FORMULAS = st.lists(st.sampled_from([" ", "\n", *PIECES.split()]), max_size=10).map("".join)


@given(FORMULAS, FORMULAS)
def test_formulas_equal_themselves_in_whatever_order_and_with_whatever_space(one: str, other: str) -> None:
    assert same_answer(one, one)
    assert same_answer(one.replace(" ", " \n  "), f"\t{one} ")
    assert same_answer(one, other) == same_answer(other, one)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_equals_itself_and_the_order_does_not_count(one: str, other: str) -> None:
    assert same_answer(one, one)
    assert same_answer(f" {one} ", one)
    assert same_answer(one, other) == same_answer(other, one)
