"""Parsers that find an answer by a pattern, a path, a tag, or as the last number; those without reasoning; chains."""

from collections.abc import Callable
from typing import Any

import pytest

from themis.core.builtins.parsers.choice_letter import ChoiceLetter
from themis.core.builtins.parsers.combined import Chain, FirstOf
from themis.core.builtins.parsers.json_path import JsonPath
from themis.core.builtins.parsers.last_number import LastNumber
from themis.core.builtins.parsers.math_answer import MathAnswer
from themis.core.builtins.parsers.regex import Regex
from themis.core.builtins.parsers.strip_reasoning import StripReasoning
from themis.core.builtins.parsers.text import Text
from themis.core.builtins.parsers.until import Until
from themis.core.builtins.parsers.xml_tag import XmlTag
from themis.core.components.resolution import PARSER, load_component
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError, PatternTimeError
from themis.core.models import ParsedOutput, ReducedCandidate

Parse = Callable[[Any, Any], Any]
Seconds = Callable[[Callable[[], object]], float]
LONG = 200_000


@pytest.mark.parametrize(
    ("arguments", "output", "value"),
    [
        ({"pattern": r"answer: (\w+)"}, "answer: a, no, answer: b", "b"),
        ({"pattern": r"answer: (\w+)", "which": "first"}, "answer: a, no, answer: b", "a"),
        ({"pattern": r"answer: (\w+)", "flags": "i"}, "ANSWER: B", "B"),
        ({"pattern": r"^(.*)$", "flags": "m"}, "one\ntwo", "two"),
        ({"pattern": r"<a>(.*)</a>", "flags": "s"}, "<a>one\ntwo</a>", "one\ntwo"),
        ({"pattern": r"\d+"}, "1 and 22", "22"),
        ({"pattern": r"(?:a|b)=(\d)"}, "a=1, b=2", "2"),
        ({"pattern": r"x(\d)?"}, "x1 x", "1"),
        ({"pattern": r"x(\d)?"}, "x", None),
        ({"pattern": r"answer:(.*)"}, "answer:   ", None),
        ({"pattern": r"answer"}, "nothing", None),
        ({"pattern": r"answer"}, None, None),
        ({"pattern": r'"n": (\d+)'}, {"n": 12}, "12"),
    ],
)
def test_regex_takes_what_its_group_matches(parse: Parse, arguments: dict[str, Any], output: Any, value: Any) -> None:
    assert parse(Regex(**arguments), output) == value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pattern": "(a"}, r"pattern: '\(a' cannot be read: missing \)"),
        ({"pattern": "(a)(b)"}, r"pattern: must have one group, not 2; write \(\?:…\) for the others"),
        ({"pattern": 3}, "pattern: must be a text such as .*, not 3"),
        ({"pattern": "a", "which": "all"}, "which: must be last or first, not 'all'"),
        ({"pattern": "a", "flags": "iq"}, "flags: must be a text of the letters i, m, s, x, a, not 'iq'"),
    ],
)
def test_a_regex_that_cannot_be_used_is_refused_when_it_is_made(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Regex(**arguments)


def test_a_regex_that_backtracks_without_end_is_ended(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.builtins.patterns.TIME_LIMIT_S", 0.05)
    with pytest.raises(PatternTimeError, match=r"the regular expression '\(x\+x\+\)\+y' needs more than"):
        parse(Regex(r"(x+x+)+y"), "x" * 5_000)


JSON_TEXT = 'Here it is:\n```json\n{"answer": {"letter": "B"}, "steps": [1, 2, null]}\n```\nDone.'


@pytest.mark.parametrize(
    ("arguments", "output", "value"),
    [
        ({"path": "$.answer.letter"}, JSON_TEXT, "B"),
        ({"path": "$.steps[*]", "which": "last"}, JSON_TEXT, None),
        ({"path": "$.steps[*]", "which": "first"}, JSON_TEXT, 1),
        ({"path": "$.steps[*]", "which": "all"}, JSON_TEXT, [1, 2, None]),
        ({"path": "$.steps[-2]"}, JSON_TEXT, 2),
        ({"path": "$..letter"}, JSON_TEXT, "B"),
        ({"path": "$"}, JSON_TEXT, {"answer": {"letter": "B"}, "steps": [1, 2, None]}),
        ({"path": "$.missing"}, JSON_TEXT, None),
        ({"path": "$.a"}, '{"a": 1} and then {"a": 2}', 2),
        ({"path": "$.a"}, 'I think {this} is it: {"a": 1}.', 1),
        ({"path": "$.a"}, {"a": True}, True),
        ({"path": "$.a"}, '{"a": NaN}', None),
        ({"path": "$.a"}, '{"a": 1e999}', None),
        ({"path": "$"}, '"B"', "B"),
        ({"path": "$"}, "no JSON", None),
        ({"path": "$"}, None, None),
    ],
)
def test_json_path_takes_a_value_out_of_json(parse: Parse, arguments: dict[str, Any], output: Any, value: Any) -> None:
    assert parse(JsonPath(**arguments), output) == value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "answer"}, "path: 'answer' cannot be read: expected"),
        ({"path": "$.a["}, r"path: '\$\.a\[' cannot be read: unexpected end of query$"),
        ({"path": ""}, r"path: must be a text such as \$\.answer, not ''"),
        ({"path": "$[?match(@.a, '(a+)+')]"}, "cannot be read: .*match"),
        ({"path": "$", "which": "each"}, "which: must be first, last or all"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused_when_it_is_made(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        JsonPath(**arguments)


@pytest.mark.parametrize(
    ("arguments", "output", "value"),
    [
        ({}, "<answer> 42 </answer>", "42"),
        ({}, "<answer>1</answer> or <answer>2</answer>", "2"),
        ({"which": "first"}, "<answer>1</answer> or <answer>2</answer>", "1"),
        ({}, "I put it in <answer>: <answer>42</answer>", "42"),
        ({}, "<answer>a <answer>b</answer> c</answer>", "b"),
        ({"which": "first"}, "<answer>a <answer>b</answer> c</answer>", "a <answer>b</answer> c"),
        ({}, '<answer type="x" n="<">1</answer>', None),
        ({}, '<answer type="x">x &lt; <b>2</answer>', "x &lt; <b>2"),
        ({}, "<answers>1</answers><Answer>2</Answer>", None),
        ({}, "<answer></answer>", None),
        ({}, "<answer>42", None),
        ({"unclosed": True}, "so <answer>42", "42"),
        ({"unclosed": True}, "<answer>1</answer> <answer>2", "1"),
        ({}, "</answer>42<answer>", None),
        ({}, None, None),
    ],
)
def test_xml_tag_takes_the_content_of_an_element(
    parse: Parse, arguments: dict[str, Any], output: Any, value: Any
) -> None:
    assert parse(XmlTag("answer", **arguments), output) == value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tag": "a b"}, "tag: must be a name such as answer, not 'a b'"),
        ({"tag": "(a+)+"}, "tag: must be a name"),
        ({"tag": "a", "which": "all"}, "which: must be last or first"),
        ({"tag": "a", "unclosed": "yes"}, "unclosed: must be true or false, not 'yes'"),
    ],
)
def test_a_tag_that_is_no_name_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        XmlTag(**arguments)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("It is 42.", "42"),
        ("first 3, then 4", "4"),
        ("It costs $1,234.50.", "1234.50"),
        ("-$5", "-5"),
        ("so \N{MINUS SIGN}7", "-7"),
        ("10-12", "12"),
        ("x - 3", "3"),
        ("x = -3", "-3"),
        ("about +8 degrees", "8"),
        ("3/4 of it", "3/4"),
        ("on 12/25/2024", "2024"),
        ("5e3", "5e3"),
        (r"$2 \times 10^{-3}$", "2e-3"),
        ("1.5 \N{MULTIPLICATION SIGN} 10^4", "1.5e4"),
        (r"9{,}500", "9500"),
        ("70\N{NARROW NO-BREAK SPACE}000", "70000"),
        ("12,34", "34"),
        ("\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT ZERO}", "20"),
        ("50%", "50"),
        ("48g", "48"),
        (".5", "0.5"),
        ("H2O and GPT4", None),
        ("no number", None),
        ("", None),
        (None, None),
        (7, "7"),
    ],
)
def test_last_number_takes_the_last_number_written_plainly(parse: Parse, output: Any, value: Any) -> None:
    assert parse(LastNumber(), output) == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("<think>is it A?</think> B", "B"),
        ("<Thinking>A</Thinking>\nB <think>C</think> D", "B  D"),
        ("is it A?</think>B", "B"),
        ("<think>A<think>B</think>C</think>D", "D"),
        ("<think>the tag <think> begins it</think>D", "D"),
        ("<think>cut off", None),
        ("B, in <think> as I said", "B, in <think> as I said"),
        ("B, and </think> ends it", "ends it"),
        ("[THINK]A[/THINK]B", "B"),
        ("◁think▷A◁/think▷B", "B"),
        ("<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>", "B"),
        ("B", "B"),
        ("<think></think>", None),
        ({"a": "<think>"}, {"a": "<think>"}),
        (None, None),
    ],
)
def test_strip_reasoning_leaves_the_answer(parse: Parse, output: Any, value: Any) -> None:
    assert parse(StripReasoning(), output) == value


def test_other_tags_of_reasoning_can_be_named(parse: Parse) -> None:
    assert parse(StripReasoning(["plan"]), "<plan>A</plan><think>B</think>") == "<think>B</think>"
    refused: list[Any] = [[], "think", ["a b"], [1]]
    for tags in refused:
        with pytest.raises(InvalidArgumentError, match="tags: must be a "):
            StripReasoning(tags)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (" It is 4.\n#### 4\n\nQuestion: and then?\n#### 5", "It is 4.\n#### 4"),
        ("4</s>Question: 5", "4"),
        ("4, question: 5", "4, question: 5"),
        ("Question: 5", None),
        ("", None),
        (None, None),
        ({"a": "Question:"}, '{"a": "'),
    ],
)
def test_until_ends_a_text_where_another_question_begins(parse: Parse, output: Any, value: Any) -> None:
    assert parse(Until(["Question:", "</s>"]), output) == value


@pytest.mark.parametrize("stop", [[], "Question:", [""], [1], None])
def test_what_is_no_list_of_words_to_end_at_is_refused(stop: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="stop: must be a list of texts such as Question:, not"):
        Until(stop)


def test_the_words_that_end_a_text_are_part_of_what_its_parser_is() -> None:
    assert Until(["a"]).fingerprint() != Until(["b"]).fingerprint()


@pytest.mark.parametrize(
    ("parsers", "output", "value", "number"),
    [
        ([XmlTag("answer"), LastNumber()], "<answer>1</answer> 2", "1", 0),
        ([XmlTag("answer"), LastNumber()], "it is 2", "2", 1),
        ([XmlTag("answer"), LastNumber()], "I don't know", None, None),
        ([Text(), LastNumber()], "  ", None, None),
    ],
)
def test_first_of_takes_what_the_first_parser_finds(
    parsers: list[Any], output: Any, value: Any, number: int | None
) -> None:
    found = _parsed(FirstOf(parsers), output)
    assert found.value == value
    assert found.metadata.get("parser") == number


def _parsed(parser: Any, output: Any) -> ParsedOutput:
    candidate = ReducedCandidate(candidate_id="c", source_candidate_ids=["c"], final_output=output)
    found = parser.parse(candidate, ParseContext(run_id="r", case_id="a"))
    assert isinstance(found, ParsedOutput)
    return found


@pytest.mark.parametrize(
    ("parsers", "output", "value"),
    [
        ([StripReasoning(), ChoiceLetter()], "<think>the answer is A</think>The answer is B", "B"),
        ([JsonPath("$.answer"), LastNumber()], '{"answer": "it is 1,000"}', "1000"),
        ([XmlTag("answer"), LastNumber()], "12", None),
        ([JsonPath("$.list"), JsonPath("$[1]")], {"list": [1, 2]}, 2),
        ([FirstOf([XmlTag("answer"), Text()]), LastNumber()], "12", "12"),
    ],
)
def test_chain_gives_each_parser_what_the_one_before_found(parsers: list[Any], output: Any, value: Any) -> None:
    assert _parsed(Chain(parsers), output).value == value


def test_the_metadata_of_all_parsers_in_a_chain_are_kept() -> None:
    assert _parsed(Chain([FirstOf([XmlTag("a"), Text()]), Text()]), "x").metadata == {"parser": 1}


def test_a_chain_votes_like_its_last_parser() -> None:
    assert Chain([StripReasoning(), MathAnswer()]).ballot("1,000") == MathAnswer().ballot("1000")
    assert not hasattr(Chain([MathAnswer(), Text()]), "ballot")


@pytest.mark.parametrize("kind", [FirstOf, Chain])
@pytest.mark.parametrize("parsers", [[], None, "builtin/text", [Text(), "builtin/text"]])
def test_what_is_no_list_of_parsers_is_refused(kind: Any, parsers: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="parsers: "):
        kind(parsers)


def test_what_a_combined_parser_is_follows_from_its_parsers_and_their_order() -> None:
    parsers = [
        FirstOf([Text(), LastNumber()]),
        FirstOf([LastNumber(), Text()]),
        Chain([Text(), LastNumber()]),
        FirstOf([Text(), ChoiceLetter()]),
        FirstOf([Text(), ChoiceLetter("first")]),
    ]
    assert len({parser.fingerprint() for parser in parsers}) == len(parsers)


def test_a_config_nests_parsers_and_a_fault_names_its_place() -> None:
    tag = {"use": "builtin/xml_tag", "with": {"tag": "answer"}}
    spec = {
        "use": "builtin/chain",
        "with": {
            "parsers": [
                "builtin/strip_reasoning",
                {"use": "builtin/first_of", "with": {"parsers": [tag, "builtin/math_answer"]}},
            ]
        },
    }
    found = load_component(spec, PARSER, where="evaluation.parsers.0")
    assert _parsed(found.live, "<think>1</think><answer>2</answer>").value == "2"
    assert _parsed(found.live, r"<think>1</think> \boxed{3}").value == "3"
    assert found.ref.fingerprint == Chain([StripReasoning(), FirstOf([XmlTag("answer"), MathAnswer()])]).fingerprint()
    tag["with"]["tag"] = "<"  # type: ignore[index]
    words = r"^evaluation\.parsers\.0\.with\.parsers\.1\.with\.parsers\.0: .*: tag: must be a name"
    with pytest.raises(ValueError, match=words):
        load_component(spec, PARSER, where="evaluation.parsers.0")


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "text",
    [
        "<answer>" * (LONG // 8),
        "<answer " * (LONG // 8),
        "<answer>" * (LONG // 20) + "</answer>" * (LONG // 20),
        "<think>" * (LONG // 7),
        "[" * LONG,
        '{"a":' * (LONG // 5),
        "1," * (LONG // 2),
        "1" * LONG,
        "$ " * (LONG // 2),
        "\ud800" * 1_000 + "<|channel|>final<|message|>" * 1_000,
    ],
    ids=range(10),
)
def test_a_hostile_text_costs_a_bounded_time(parse: Parse, seconds: Seconds, text: str) -> None:
    parsers = [XmlTag("answer", unclosed=True), StripReasoning(), JsonPath("$..a"), LastNumber(), Regex(r"<(\w+)>")]
    for parser in parsers:
        assert seconds(lambda parser=parser: parse(parser, text)) < 1  # type: ignore[misc]
