"""The generator that knows the answers, and the vote."""

import asyncio
from typing import Any

import pytest

from themis.core.builtins.generators.demo import DemoGenerator
from themis.core.builtins.parsers.choice_letter import ChoiceLetter
from themis.core.builtins.parsers.math_answer import MathAnswer
from themis.core.builtins.reducers.majority_vote import MajorityVote
from themis.core.components.resolution import REDUCER, load_component
from themis.core.contexts import GenerateContext, ReduceContext
from themis.core.errors import ComponentError
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate
from themis.core.prompts import PromptSpec


def generate(case: Case, **context: Any) -> GenerationResult:
    return asyncio.run(DemoGenerator().generate(case, GenerateContext(run_id="r", case_id=case.case_id, **context)))


def reduce(*outputs: Any, parser: Any = None) -> ReducedCandidate:
    candidates = [GenerationResult(candidate_id=f"g{n}", final_output=output) for n, output in enumerate(outputs)]
    return asyncio.run(MajorityVote(parser).reduce(candidates, ReduceContext(run_id="r", case_id="a")))


@pytest.mark.parametrize("expected", ["yes", 0, False, "", [], {"answer": "x"}])
def test_the_demo_generator_answers_with_what_is_expected(expected: Any) -> None:
    result = generate(Case(case_id="a", input="q", expected_output=expected), seed=5)
    assert result.final_output == expected
    assert result.candidate_id == "a-candidate-5"
    assert result.token_usage == {"prompt_tokens": 1, "completion_tokens": 1}


def test_it_answers_with_the_input_when_nothing_is_expected_whatever_the_prompt_says() -> None:
    case = Case(case_id="a", input={"q": 1})
    assert generate(case, prompt_spec=PromptSpec(instructions="Be brief.")).final_output == {"q": 1}
    assert generate(case).candidate_id == "a-candidate-0"


def test_the_most_frequent_output_wins() -> None:
    result = reduce("x", {"a": 1, "b": 2}, "y", {"b": 2, "a": 1})
    assert result.candidate_id == "a-reduced"
    assert result.final_output == {"a": 1, "b": 2}
    assert result.source_candidate_ids == ["g0", "g1", "g2", "g3"]
    assert result.metadata == {"votes": 2, "candidate_count": 4}


def test_among_equals_the_first_seen_wins() -> None:
    assert reduce("b", "a", "a", "b", "c").final_output == "b"
    assert reduce("c", "b", "a").final_output == "c"


def test_values_of_different_types_are_different_outputs() -> None:
    assert reduce("1", 1, 1).final_output == 1
    assert reduce(True, 1, 1).final_output == 1
    assert reduce(None, None, "x").final_output is None


def test_one_candidate_wins_its_vote() -> None:
    assert reduce("only").metadata == {"votes": 1, "candidate_count": 1}


def test_numbers_of_one_value_are_one_ballot_however_deep() -> None:
    assert reduce("x", "x", 1, 1.0, 1).metadata["votes"] == 3
    assert reduce({"a": [2.0, "2.0"]}, "x", "x", {"a": [2, "2.0"]}, {"a": [2.0, "2.0"]}).metadata["votes"] == 3
    assert reduce("1.0", 1, "1").metadata["votes"] == 1
    assert reduce(1e300, 1e300).final_output == 1e300


def test_a_parser_lets_answers_vote_that_mean_the_same() -> None:
    outputs = ("so #### 7", "The answer is $18.00.", "Answer: 18", "", r"thus \boxed{18}", "#### 7")
    result = reduce(*outputs, parser=MathAnswer())
    assert result.final_output == "The answer is $18.00."
    assert result.metadata == {"votes": 3, "candidate_count": 6, "voters": 5}
    assert reduce(*outputs).metadata["votes"] == 1


def test_when_no_candidate_has_a_vote_the_first_passes() -> None:
    result = reduce("I don't know", "nor I", parser=ChoiceLetter())
    assert result.final_output == "I don't know"
    assert result.metadata == {"votes": 0, "candidate_count": 2, "voters": 0}


class Picky:
    """Reads whole numbers only."""

    component_id, version = "test/picky", "1"

    def fingerprint(self) -> str:
        return "f"

    def parse(self, candidate: ReducedCandidate, ctx: Any) -> ParsedOutput:
        return ParsedOutput(value=int(str(candidate.final_output)))


def test_an_output_that_the_parser_fails_on_has_no_vote() -> None:
    assert reduce("x", "x", "07", "y", "7", parser=Picky()).final_output == "07"


def test_a_config_names_the_parser_of_a_vote() -> None:
    spec = {"use": "builtin/majority_vote", "with": {"parser": "builtin/math_answer"}}
    found = load_component(spec, REDUCER, where="generation.reducer")
    assert found.ref.fingerprint == MajorityVote(MathAnswer()).fingerprint()
    first = {"use": "builtin/choice_letter", "with": {"which": "first"}}
    other = load_component({**spec, "with": {"parser": first}}, REDUCER, where="generation.reducer")
    assert other.ref.fingerprint == MajorityVote(ChoiceLetter("first")).fingerprint()
    prints = {MajorityVote().fingerprint(), found.ref.fingerprint, other.ref.fingerprint}
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("parser", "words"),
    [
        ("builtin/exact_match", "generation.reducer.with.parser: 'builtin/exact_match' is not a parser"),
        ("builtin/mathanswer", "generation.reducer.with.parser: no component 'builtin/mathanswer'; did you mean"),
        ({"with": {}}, "generation.reducer.with.parser: {'with': {}}: a component mapping needs `use: "),
        (3, "generation.reducer.with.parser: 3: a component is an id, package.module:name, "),
        ("os.path:join", "generation.reducer.with.parser: cannot import 'os.path:join': module os.path is not among"),
    ],
)
def test_what_is_no_parser_cannot_be_voted_with(parser: Any, words: str) -> None:
    spec = {"use": "builtin/majority_vote", "with": {"parser": parser}}
    with pytest.raises(ComponentError) as caught:
        load_component(spec, REDUCER, where="generation.reducer", allow_modules=["acme."])
    assert str(caught.value).startswith(words)
