"""What the parsers take out of an output."""

import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from themis.core.builtins.parsers.choice_letter import ChoiceLetter
from themis.core.builtins.parsers.code_text import CodeText
from themis.core.builtins.parsers.json_identity import JsonIdentity
from themis.core.builtins.parsers.math_answer import MathAnswer
from themis.core.builtins.parsers.text import Text
from themis.core.errors import InvalidArgumentError

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
        ("K", "K"),
        ("(q)", "Q"),
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
        ("The answer is (K).", "K"),
        ("So the answer is (B).", "B"),
        (r"$\boxed{\text{(E)}}$", "E"),
        ("The answer to the question is (B).", "B"),
        ("**Final Answer:** (D)", "D"),
        ("## Answer\n\nB", "B"),
        ("<answer>B</answer>", "B"),
        ('{"answer": "C"}', "C"),
        ("The answer is _B_ because", "B"),
        ("Answer: C. osmosis", "C"),
        ("The answer is E. coli", "E"),
        ("A person would pick (B).", "B"),
        ("None of A, B, C is right; I choose D.", "D"),
        # in other languages, which may put no space around it
        ("答案是B。", "B"),
        ("正确答案是\uff08C\uff09。", "C"),
        ("答案是Ｂ。", "B"),
        ("故选\uff1aD", "D"),
        ("B选项正确", "B"),
        ("我不选B,选C", "C"),
        ("正解はCです", "C"),
        ("정답은 B입니다", "B"),
        ("La respuesta es C.", "C"),
        ("Die Antwort ist D.", "D"),
        ("Réponse : B", "B"),
        # the last one counts
        ("The answer is A. No: the answer is C.", "C"),
        ("Answer: C. A is wrong because of B", "C"),
        ("A) x\nB) y\nC) z\n\nAnswer: B", "B"),
        ("The answer (J) is incorrect because x. The answer (G) is right.", "G"),
        ("The answer is A and B is wrong", "A"),
        ("The answer is B, C is wrong.", "B"),
        ("The answer cannot be A, it must be C: the answer is C", "C"),
        # else what the text concludes with
        ("I think it is B", "B"),
        ("first A then B, so finally A", "A"),
        ("Option A is wrong, so C", "C"),
        ("It's B, not C.", "B"),
        ("The answer is not A but B", "B"),
        ("The best answer is A. I'm sure", "A"),
        ("I'd go with D", "D"),
        # else what it begins or ends with, as the label of an option
        ("B) 42", "B"),
        ("b) Paris", "B"),
        ("B. Paris is the capital", "B"),
        ("C\n\nBecause A is false", "C"),
        ("The speaker would describe it as (A).", "A"),
        ("The only option that makes sense is (E).", "E"),
        # none
        ("", None),
        ("hello", None),
        ("Let's evaluate A: A = False.", None),
        ("Final answer: A or B", None),
        ("A or B", None),
        ("The answer is (A), (D), and (I).", None),
        ("Answer: B/C", None),
        ("Neither A nor B", None),
        ("It is not B", None),
        ("A) x\nB) y\nC) z", None),
        ("(a) The integral is 1.\n(b) The mean is 2, where A is the area of the", None),
        ("The temperature is 25 C", None),
        ("the total is T = C", None),
        ("The answer is E = mc^2", None),
        ("The answer is B_1", None),
        ("choose k elements of n", None),
        ("Statement A is true", None),
        ("C is the best approach to this", None),
        ("now consider each choice:\n(A) means that", None),
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
        (" B\n\nQuestion: x\nA. a\nB. b\nAnswer: C", "B"),
        ("A\n\nQuestion: x\nA. a\nB. b\nAnswer: D", "A"),
        ("The answer is B.\n\nQ: 2\nThe answer is C.", "B"),
        ("A. x\nB. y\nAnswer: C\n\nAnswer: D", "C"),
    ],
)
def test_the_first_letter_counts_where_a_model_runs_on(parse: Parse, output: str, value: str) -> None:
    assert parse(ChoiceLetter(which="first"), output) == value
    assert ChoiceLetter(which="first").fingerprint() != ChoiceLetter().fingerprint()


def test_there_is_no_other_letter_than_the_first_and_the_last() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^which: must be last or first, not 'best'$"):
        ChoiceLetter(which="best")  # type: ignore[arg-type]  # what a config file may say


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (r"\boxed{18}", "18"),
        (r"first \boxed{1}, then $\boxed{ 2 }$. A: 3", "2"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{1}, \boxed{2} and $\boxed{3}$", "1, 2, 3"),
        (r"$x = \boxed{1}$ or $x = \boxed{2}$.", "1, 2"),
        (r"\boxed{4} and \boxed{4}", "4"),
        (r"\boxed{1}, so \boxed{2}", "2"),
        (r"\boxed{1} \boxed{2}", "2"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"$\boxed 7$", "7"),
        (r"\boxed 7, no \boxed{8}", "8"),
        (r"<think>\boxed{1}</think>The answer is 2.", "2"),
        (r"<think>The answer is \boxed{1}", None),
        (r"<think>\boxed{1}</think>", None),
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
        ("Answer: 5", "5"),
        ("Final answer: 42", "42"),
        ("Answer: $42$", "42"),
        ("Final Answer: $42$.", "42"),
        ("**Answer:** 42", "42"),
        ("**Final Answer**\n\n42", "42"),
        ("## Answer\n42", "42"),
        ("The answer is\n\\[\n5\n\\]", "5"),
        ("The answer is:\n\n$$x+1$$\n\nDone.", "x+1"),
        (r"The answer is \(x\).", "x"),
        ("The final answer is $\\frac{1}{2}$. I hope it is correct.", r"\frac{1}{2}"),
        ("The answer to the question is 5.", "5"),
        ("The answer is 72, in total, so the farmer earns that much.", "72"),
        ("The answer is 72 because 8*9=72", "72"),
        ("The answer is 1, 2, and 3.", "1, 2, and 3"),
        ("The answer is x = 1, y = 2", "x = 1, y = 2"),
        ("The answer is (1, 2).", "(1, 2)"),
        ("The answer is $5 and $6", "$5 and $6"),
        ("The answer is $9{,}500.", "$9{,}500"),
        ("The answer is Yes. Because 3 > 2.", "Yes"),
        ("The answer is 5 U.S. dollars.", "5 U.S. dollars"),
        ("So the answer is (B).", "(B)"),
        ("#### 5 ####", "5"),
        ("#### 5\n####", "5"),
        ("Q: what is 1+1? A: 2", "2"),
        ("Q: 1+1 A: 2", "2"),
        ("Let's evaluate A: A = False.", None),
        (r"\fbox{5}", "5"),
        ("$42$", "42"),
        ("The total is 5 dollars.", "The total is 5 dollars."),
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
        ("  ```py\n    indented\n  ```", "  indented"),
        ("1. Do:\n\n   ```py\n   if x:\n       y\n   ```\n2. Then", "if x:\n    y"),
        ("- ```py\n  x = 1\n\n  y = 2\n  ```", "x = 1\n\ny = 2"),
        ("10. ```py\n    x\n    ```", "x"),
        ("- a\n  - b\n\n    ```\n    x\n      y\n    ```", "x\n  y"),
        ("\t```\n\tx\n\t\ty\n\t```", "x\n    y"),
        ("   ```\nx\n  y\n```", "x\ny"),
        ("> ```py\n> x = 1\n>   y\n> ```\nend", "x = 1\n  y"),
        ('```py\ndef f():\n    """\n    ```\n    """\n```', 'def f():\n    """\n    ```\n    """'),
        ("~~~ a`b ~~~\nx\n~~~", "x"),
        ("``` a`b\nx", "``` a`b\nx"),
        ("```py\nbroken off", "broken off"),
        ("```\na\n```\nmore\n```", "a"),
        ("    return 1\n", "    return 1\n"),
        ("use `x` here", "use `x` here"),
        ("<think>\n```py\nx = 1\n```\n</think>\n```py\nx = 2\n```", "x = 2"),
        ("<think>\n```py\nx = 1\n```\n</think>return 3", "return 3"),
        ("<think>\n```py\nx = 1\n```\nbut", None),
        ("```\n```", None),
        ("", None),
        (" \n ", None),
        (None, None),
    ],
)
def test_code_text_takes_the_last_fenced_block_else_the_text(parse: Parse, output: Any, value: Any) -> None:
    assert parse(CodeText(), output) == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ({"code": "x = 1"}, "x = 1"),
        ({"solution": "x = 2", "why": "so"}, "x = 2"),
        ({"answer": "x = 3"}, "x = 3"),
        ({"answer": "x = 3", "solution": "x = 2", "code": "x = 1"}, "x = 1"),
        ({"code": " ", "solution": None, "answer": "x = 3"}, "x = 3"),
        ({"code": "so:\n```py\nx = 1\n```"}, "x = 1"),
        ({"code": ["x"]}, '{"code": ["x"]}'),
        ({"text": "x"}, '{"text": "x"}'),
        (["x"], '["x"]'),
    ],
)
def test_code_text_reads_an_object_by_the_key_that_holds_its_code(parse: Parse, output: Any, value: Any) -> None:
    assert parse(CodeText(), output) == value


LENGTH = 40_000  # what grows with its square takes seconds already
HOSTILE = [
    "\\boxed{", "\\boxed{}", "{", "}", "\\", "\\boxed", "A:", "A: ", "A: \n", "A: 1. ", "answer is", "answer ",
    "answer\n", "answer(", "answer is \\text{", "#", "`", "```\n", "```x\n", "~~~ ", "A ", "not A ", "I ", "A is ",
    "(", " ", "\n", "\t", "a", "9", "A", "é", "choose option ", "\\frac{", "((((", "####", "$$", "\\[", "A, ", "A or ",
    "answer is B or ", "so ", "答案", "选", "B或", "> ", "- ", "1. ", "answer to x", ", so ", "approx. ", "a.b",
]  # fmt: skip


@pytest.mark.few(3)
@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("parser", [ChoiceLetter(), MathAnswer(), CodeText()], ids=lambda p: type(p).__name__)
@pytest.mark.not_smoke
def test_a_long_hostile_text_takes_a_moment(parse: Parse, seconds: Seconds, parser: Any, first: int) -> None:
    for piece in HOSTILE[first::6]:
        text = piece * (LENGTH // len(piece))
        for whole in (text, "answer A:" + text + "A: 1"):
            assert seconds(lambda whole=whole: parse(parser, whole)) < 0.5, piece  # type: ignore[misc]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="ABIai `~\n\\{}boxed:#.()answer is*$", max_size=60))
def test_no_text_makes_a_parser_fail(parse: Parse, text: str) -> None:
    for parser in (ChoiceLetter(), MathAnswer(), CodeText(), Text()):
        value = parse(parser, text)
        assert value is None or isinstance(value, str)
    letter = parse(ChoiceLetter(), text)
    assert letter is None or (len(letter) == 1 and letter in string.ascii_uppercase)
