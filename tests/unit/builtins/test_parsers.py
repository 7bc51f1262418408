"""What the parsers take out of an output."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from themis.core.builtins.choice_letter import ChoiceLetter
from themis.core.builtins.code_text import CodeText
from themis.core.builtins.json_identity import JsonIdentity
from themis.core.builtins.math_answer import MathAnswer
from themis.core.builtins.text import Text

Parse = Callable[[Any, Any], Any]
Seconds = Callable[[Callable[[], object]], float]


@pytest.mark.parametrize("output", [None, True, 1, 1.5, " text ", '{"a": 1}', [1, None], {"a": {"b": []}}])
def test_json_identity_changes_nothing(parse: Parse, output: Any) -> None:
    value = parse(JsonIdentity(), output)
    assert value == output
    assert type(value) is type(output)


@pytest.mark.parametrize(
    ("output", "value"),
    [("  hi\n", "hi"), ("", ""), (3, "3"), (True, "true"), ({"ä": [1]}, '{"ä": [1]}'), (None, None)],
)
def test_text_makes_a_text_of_anything(parse: Parse, output: Any, value: Any) -> None:
    assert parse(Text(), output) == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        # but a letter
        ("B", "B"),
        ("b", "B"),
        (" (C). ", "C"),
        ("**D**", "D"),
        # called the answer
        ("The answer is (B).", "B"),
        ("The answer is: **D**", "D"),
        ("the answer is b", "B"),
        ("**Answer**: B", "B"),
        ("Answer:\n\nD) Paris", "D"),
        ("Final answer: (j)", "J"),
        ("So the answer is option (C).", "C"),
        (r"The answer is \(B\)", "B"),
        (r"so \boxed{D}", "D"),
        (r"$\boxed{\text{E}}$", "E"),
        ("I choose option F", "F"),
        ("we pick $D$", "D"),
        ("The correct option is G", "G"),
        ("The answer is A because it is", "A"),
        ("The answer is I.", "I"),
        ("B is correct, whereas A is not.", "B"),
        # the last one counts
        ("The answer is A. No: the answer is C.", "C"),
        ("Answer: C. A is wrong because of B", "C"),
        ("A) x\nB) y\nC) z\n\nAnswer: B", "B"),
        # else the last that stands alone
        ("I think it is B", "B"),
        ("first A then B, so finally A", "A"),
        ("Option A is wrong, so C", "C"),
        ("It's B, not C.", "B"),
        ("The answer is not A but B", "B"),
        ("The best answer is A. I'm sure", "A"),
        # none
        ("", None),
        ("hello", None),
        ("K", None),
        ("A cat sat. I like it.", None),
        ("The answer is a cat", None),
        ("Vitamin C-rich, made in the U.S.A, in C++ and C#", None),
        (5, None),
        (None, None),
    ],
)
def test_choice_letter_takes_the_letter_that_the_text_gives_as_its_answer(
    parse: Parse, output: Any, value: Any
) -> None:
    assert parse(ChoiceLetter(), output) == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (r"\boxed{18}", "18"),
        (r"first \boxed{1}, then $\boxed{ 2 }$. A: 3", "2"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed {5}", "5"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{1} then \boxed{2", "1"),
        (r"broken } and \boxed{7} }", "7"),
        (r"\boxed{2 #### 5", "5"),
        (r"\boxed{}", None),
        ("work\nA: 26", "26"),
        ("A: 1\nA: 2", "2"),
        ("#### 18", "18"),
        ("####\n\n 5", "5"),
        ("#### 3\nA: 4", "4"),
        ("A: 4\n#### 3\n", "3"),
        ("The answer is 18. I hope it is correct.", "18"),
        ("The answer is $18.50.", "$18.50"),
        ("the ANSWER  is: **18**.", "18"),
        ("answer is approx. 18. Done", "approx. 18"),
        ("A:25", "25"),
        ("NBA: 5", "NBA: 5"),
        (" 42 ", "42"),
        (12, "12"),
        (1.5, "1.5"),
        ("A:", None),
        ("A: \n\n", None),
        ("", None),
        ("  \n", None),
        (None, None),
    ],
)
def test_math_answer_takes_the_box_else_what_follows_the_last_marker_else_the_text(
    parse: Parse, output: Any, value: Any
) -> None:
    assert parse(MathAnswer(), output) == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("a\n```python\nx = 1\ny = 2\n```\nb", "x = 1\ny = 2"),
        ("```\na\n```\ntext\n```\nb\n```", "b"),
        ("~~~\nq\n~~~", "q"),
        ("````\n```\nx\n```\n````", "```\nx\n```"),
        ("  ```py\n    indented\n  ```", "    indented"),
        ("```py\nbroken off", "broken off"),
        ("```\na\n```\nmore\n```", "a"),
        ("    return 1\n", "    return 1\n"),
        ("use `x` here", "use `x` here"),
        ("```\n```", None),
        ("", None),
        (" \n ", None),
        (None, None),
    ],
)
def test_code_text_takes_the_last_fenced_block_else_the_text(parse: Parse, output: Any, value: Any) -> None:
    assert parse(CodeText(), output) == value


LENGTH = 100_000  # what grows with its square takes minutes already
HOSTILE = [
    "\\boxed{", "\\boxed{}", "{", "}", "\\", "\\boxed", "A:", "A: ", "A: \n", "A: 1. ", "answer is", "answer ",
    "answer\n", "answer(", "answer is \\text{", "#", "`", "```\n", "```x\n", "~~~ ", "A ", "not A ", "I ", "A is ",
    "(", " ", "\n", "\t", "a", "9", "A", "é", "choose option ",
]  # fmt: skip


@pytest.mark.parametrize("parser", [ChoiceLetter(), MathAnswer(), CodeText()], ids=lambda p: type(p).__name__)
def test_a_long_hostile_text_takes_a_moment(parse: Parse, seconds: Seconds, parser: Any) -> None:
    for piece in HOSTILE:
        text = piece * (LENGTH // len(piece))
        for whole in (text, "answer" + text, "A:" + text + "A: 1"):
            assert seconds(lambda whole=whole: parse(parser, whole)) < 3, piece  # type: ignore[misc]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="ABIai `~\n\\{}boxed:#.()answer is*$", max_size=60))
def test_no_text_makes_a_parser_fail(parse: Parse, text: str) -> None:
    for parser in (ChoiceLetter(), MathAnswer(), CodeText(), Text()):
        value = parse(parser, text)
        assert value is None or isinstance(value, str)
    letter = parse(ChoiceLetter(), text)
    assert letter is None or letter in "ABCDEFGHIJ"
