"""Answers of models that are easily read or scored wrongly, and what each recipe makes of them.

Each entry was read beside the program of the benchmark's authors where there is one. `None` as a value says that the
answer has no answer.
"""

from typing import Any

import pytest

from themis.catalog import get_benchmark, list_benchmark_ids, validate_benchmark
from themis.catalog.validation import scored_answer
from themis.core.builtins.metrics import math_equivalence
from themis.core.models import Case

AIME = ("aime", "aime:2024", "aime_2025", "aime_2026")
FORMULAS = ("hmmt_feb_2025", "hmmt_nov_2025", "apex_2025")
LETTERS = ("supergpqa", "encyclo_k")
QUESTION: dict[str, Any] = {
    "question": "At how many degrees does water boil?",
    "choices": ["90", "100", "110", "120", "130", "140", "150", "160", "170", "180"],
}


def score_of(name: str, expected: Any, text: str, question: Any = "?") -> tuple[Any, float | None]:
    return scored_answer(get_benchmark(name), Case(case_id="c", input=question, expected_output=expected), text)


WHOLE_NUMBERS = [
    (r"So \boxed{33}.", 1),
    (r"\boxed{033}", 1),
    (r"$\boxed{\text{033}}$", 1),
    ("The answer is 033.", 1),
    (r"Thus \boxed{33}, as 33 = 3 * 11. The final answer is \boxed{033}.", 1),
    (r"First \boxed{12}, but that is wrong. \boxed{33}", 1),
    (r"\boxed{p+q+r = 33}", 1),
    (r"\boxed{30+3=33}", 1),
    (r"\boxed{33^\circ}", 1),
    (r"\boxed{33\text{ ways}}", 1),
    (r"\boxed{\dfrac{66}{2}}", 1),
    (r"$\boxed 33$", 1),
    (r"\boxed{N \equiv 33 \pmod{1000}}", 1),
    (r"\boxed{33 (mod 1000)}", 1),
    ("<think>maybe \\boxed{12}? no</think>The answer is 33.", 1),
    ("thinking without a tag at its begin: \\boxed{12}</think>\\boxed{33}", 1),
    ("<think>First I try \\boxed{33}", 0),
    ("<think>\\boxed{33}</think>", 0),
    (r"\boxed{33} or \boxed{34}", 0),
    (r"\boxed{34}, \boxed{33}", 0),
    (r"\boxed{33}, that is \boxed{33}", 1),
    (r"\boxed{33}, \boxed{33}", 1),
    (r"\boxed{33, 34}", 0),
    (r"\boxed{-33}", 0),
    ("\\boxed{\N{MINUS SIGN}33}", 0),
    (r"\boxed{330}", 0),
    (r"\boxed{33", 0),
    ("I could not solve it.", 0),
    ("", 0),
]


@pytest.fixture(params=["with math-verify", "without"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both installations: with math-verify, and without it."""
    if request.param == "without":
        monkeypatch.setattr(math_equivalence, "is_available", lambda: False)


@pytest.mark.few(8)
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", AIME)
@pytest.mark.parametrize("expected", [33, "33", "033"], ids=["number", "text", "three digits"])
def test_an_answer_of_the_aime_is_a_whole_number_however_it_is_written(name: str, expected: Any) -> None:
    assert {text: score_of(name, expected, text)[1] for text, _ in WHOLE_NUMBERS} == dict(WHOLE_NUMBERS)


@pytest.mark.not_smoke
def test_every_benchmark_passes_its_checks_without_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_equivalence, "is_available", lambda: False)
    assert [name for name in list_benchmark_ids() if not validate_benchmark(name).passed] == []


@pytest.mark.parametrize(("text", "score"), [(r"\boxed{0}", 1), (r"\boxed{000}", 1), ("", 0), ("There is none.", 0)])
def test_zero_is_an_answer_of_the_aime(text: str, score: float) -> None:
    assert score_of("aime_2025", 0, text)[1] == score


@pytest.mark.parametrize("name", [*AIME, *FORMULAS, "beyond_aime"])
@pytest.mark.parametrize("text", ["", "<think>so it is \\boxed{7}", "<think>\\boxed{7}</think>\n"])
def test_what_a_model_thought_before_it_was_cut_off_is_no_answer(name: str, text: str) -> None:
    assert score_of(name, 7, text) == (None, 0.0)


@pytest.mark.parametrize(
    ("expected", "text", "score"),
    [
        (1234567, r"\boxed{1,234,567}", 1),
        (1234567, r"\boxed{1{,}234{,}567}", 1),
        (1234567, r"\boxed{1\,234\,567}", 1),
        (1234567, r"\boxed{1.234567 \times 10^6}", 1),
        (1234567, r"\boxed{1234568}", 0),
        (1234567, r"\boxed{1.2 \times 10^6}", 0),
        (-5, "\\boxed{\N{MINUS SIGN}5}", 1),
        (-5, r"\boxed{- 5}", 1),
        (-5, r"\boxed{5}", 0),
        (2048, r"\boxed{2^{11} = 2048}", 1),
    ],
)
def test_a_large_or_negative_number_of_beyond_aime(expected: int, text: str, score: float) -> None:
    assert score_of("beyond_aime", expected, text)[1] == score


ROOTS = r"\frac{-1+\sqrt{17}}{2}, \frac{-1-\sqrt{17}}{2}"
LISTS_AND_FORMULAS = [
    (ROOTS, rf"\boxed{{{ROOTS}}}", 1),
    (ROOTS, r"\boxed{\frac{-1-\sqrt{17}}{2}, \frac{-1+\sqrt{17}}{2}}", 1),
    (ROOTS, r"\boxed{\frac{-1\pm\sqrt{17}}{2}}", 1),
    (ROOTS, r"$\boxed{\frac{-1-\sqrt{17}}{2}}$ and $\boxed{\frac{-1+\sqrt{17}}{2}}$", 1),
    (ROOTS, r"\boxed{\left\{\frac{-1-\sqrt{17}}{2}, \frac{-1+\sqrt{17}}{2}\right\}}", 1),
    (ROOTS, r"\boxed{\frac{-1+\sqrt{17}}{2}}", 0),
    (ROOTS, r"\boxed{\frac{-1\pm\sqrt{13}}{2}}", 0),
    ("2,3", r"\boxed{3, 2}", 1),
    ("2,3", r"\boxed{2 \text{ and } 3}", 1),
    ("2,3", r"$x = \boxed{2}$ or $x = \boxed{3}$", 1),
    ("2,3", r"\boxed{23}", 0),
    ("2,3", r"\boxed{2, 3, 4}", 0),
    ("(2,3)", r"\boxed{(2,3)}", 1),
    ("(2,3)", r"\boxed{(3,2)}", 0),
    ("1/576", r"\boxed{P = \tfrac1{576}}", 1),
    ("-984", "\\boxed{\N{MINUS SIGN}984}", 1),
    (r"\sqrt{6}", "\\boxed{\N{SQUARE ROOT}6}", 1),
    (r"\sqrt{6}", r"\boxed{2.449}", 0),
    (r"2\sqrt{17}", "\\boxed{2\N{SQUARE ROOT}(17)}", 1),
    (r"\frac{\pi}{2}", "\\boxed{\N{GREEK SMALL LETTER PI}/2}", 1),
]
REARRANGED = [
    (r"1-\frac{2}{\pi}", r"\boxed{\frac{\pi-2}{\pi}}", 1),
    (r"\frac{9 \sqrt{23}}{23}", r"\boxed{\frac{9}{\sqrt{23}}}", 1),
    (r"2^{25} \cdot 26!", r"\boxed{26! \cdot 2^{25}}", 1),
    (r"2^{25} \cdot 26!", r"\boxed{2^{26} \cdot 26!}", 0),
    (ROOTS, r"$\boxed{\frac{\sqrt{17}-1}{2}}$, $\boxed{-\frac{1+\sqrt{17}}{2}}$", 1),
]


@pytest.mark.few(40)
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("expected", "text", "score"), LISTS_AND_FORMULAS)
def test_a_list_or_a_formula_is_compared_for_what_it_means(name: str, expected: str, text: str, score: float) -> None:
    assert score_of(name, expected, text)[1] == score


@pytest.mark.parametrize(("expected", "text", "score"), REARRANGED)
@pytest.mark.not_smoke
def test_a_formula_may_be_rearranged_where_math_verify_is(expected: str, text: str, score: float) -> None:
    pytest.importorskip("math_verify")
    assert score_of("hmmt_feb_2025", expected, text)[1] == score


CHOSEN = [
    ("The answer is (B).", "B"),
    ("Answer: B", "B"),
    ("**Answer:** $B$", "B"),
    (r"The final answer is $\boxed{\text{B}}$.", "B"),
    ("Answer: (B) 100", "B"),
    ("<think>The answer is (C).</think>The answer is (B).", "B"),
    ("<think>Perhaps the answer is C.</think>\n\nB. 100", "B"),
    ("<think>I think that the answer is (B)", None),
    ("I first thought that the answer is (C). But no: the answer is (B).", "B"),
    ("The answer is not (C). It is (B).", "B"),
    ("Hence, A and C are wrong, D is out. Remaining: B.", "B"),
    ("A, C and D are all incorrect. B", "B"),
    ("So A or C are right.", None),
    ("The answer is (B). Option (C) is wrong because I said so.", "B"),
    ("答案是B", "B"),
    ("Answer: \N{FULLWIDTH LATIN CAPITAL LETTER B}", "B"),
    ("The answer is (I).", "I"),
    ("I am not sure.", None),
    ("It could be (A) or (B).", None),
    ("Answer: A, B", None),
    ("Answer: $LETTER", None),
    ("The answer is 100.", None),
    ("Answer: None of the above", None),
    ("", None),
]


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_is_the_answer_where_the_text_says_so(name: str) -> None:
    found = {text: score_of(name, "B", text, QUESTION) for text, _ in CHOSEN}
    assert found == {text: (letter, float(letter == "B")) for text, letter in CHOSEN}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("i., iii. and v. are true. The answer is (B).", "B"),
        ("Statements i and iii hold, so the answer is B: i.iii.", "B"),
        ("The true statements are i.iii.", None),
        ("Answer: i.iii.", None),
        ("Answer: iv.vii.", None),
        ("Answer: B. i.iii.", "B"),
    ],
)
def test_the_numbers_of_statements_are_no_letters(text: str, letter: str | None) -> None:
    question = {"question": "Which are true?", "choices": ["i.", "i.iii.", "iv.vii.", "v."]}
    assert score_of("encyclo_k", "B", text, question) == (letter, float(letter == "B"))


@pytest.mark.parametrize("name", ["simpleqa", "simpleqa_verified", "hle", "truthfulqa:generation"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" In Pisa. ", "In Pisa."),
        ("<think>Lucca? Or Pisa?</think>\n\nIn Pisa.", "In Pisa."),
        ("<think>Lucca? Or", None),
        ("", None),
        ("I do not know.", "I do not know."),
    ],
)
def test_a_judge_is_shown_an_answer_and_not_what_was_thought(name: str, text: str, shown: str | None) -> None:
    assert score_of(name, {"answer": "Pisa"}, text)[0] == shown


def test_the_rubric_of_short_questions_says_what_counts_as_right() -> None:
    for name in ("simpleqa", "simpleqa_verified"):
        rubric = get_benchmark(name).rubric
        assert rubric is not None
        assert "I do not know" in rubric
        assert "range" in rubric
