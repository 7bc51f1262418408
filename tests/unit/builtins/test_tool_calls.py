"""Calls of tools: read in the shapes that are about, and compared with the expected ones."""

import json
from typing import Any

import pytest

from themis.core.builtins.metrics.tool_call_match import ToolCallMatch
from themis.core.builtins.parsers.tool_calls import ToolCalls
from themis.core.components.pass_through import first_candidate
from themis.core.contexts import ParseContext, ScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, GenerationResult, Message, ParsedOutput, ReducedCandidate, Score

RAIN: dict[str, Any] = {"name": "rain", "arguments": {"city": "Bern", "days": 2}}
SUN: dict[str, Any] = {"name": "sun", "arguments": {}}
AS_TEXT = json.dumps(RAIN["arguments"])


@pytest.mark.parametrize(
    ("output", "calls"),
    [
        ([RAIN, SUN], [RAIN, SUN]),
        (RAIN, [RAIN]),
        ([{"name": "rain", "arguments": AS_TEXT}], [RAIN]),
        ([{"id": "1", "type": "function", "function": {"name": "rain", "arguments": AS_TEXT}}], [RAIN]),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "rain", "arguments": AS_TEXT}}]}, [RAIN]),
        ({"role": "assistant", "function_call": {"name": "rain", "arguments": AS_TEXT}}, [RAIN]),
        ([{"type": "reasoning"}, {"type": "function_call", "name": "rain", "arguments": AS_TEXT}], [RAIN]),
        ({"content": [{"type": "text", "text": "so"}, {"type": "tool_use", "name": "sun", "input": {}}]}, [SUN]),
        ({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [RAIN]}]}, [RAIN]),
        ([{"role": "assistant", "content": {"content": "so", "tool_calls": [RAIN, SUN]}}], [RAIN, SUN]),
        ([{"name": "rain", "args": RAIN["arguments"], "id": "1", "type": "tool_call"}], [RAIN]),
        ([{"type": "function", "function": {"name": "sun", "arguments": ""}}], [SUN]),
        ([{"name": "rain", "arguments": "{not JSON"}], [{"name": "rain", "arguments": "{not JSON"}]),
        (json.dumps([RAIN, SUN]), [RAIN, SUN]),
        (
            f"Let me see.\n<tool_call>\n{json.dumps(RAIN)}\n</tool_call><tool_call>{json.dumps(SUN)}</tool_call>",
            [RAIN, SUN],
        ),
        (f"```json\n{json.dumps(RAIN)}\n```", [RAIN]),
        ("It will rain.", None),
        ({"name": "Ada"}, None),
        ([], None),
        (None, None),
        ("<tool_call>" * 20_000, None),
        ("[" * 50_000, None),
    ],
)
def test_calls_are_read_in_the_shapes_that_are_about(output: Any, calls: Any) -> None:
    candidate = ReducedCandidate(candidate_id="c", final_output=output)
    assert ToolCalls().parse(candidate, ParseContext(run_id="r", case_id="a")).value == calls


def test_calls_beside_a_text_stay_with_the_candidate() -> None:
    earlier = Message(role="assistant", content={"content": None, "tool_calls": [SUN]})
    last = Message(role="assistant", content={"content": "Let me see.", "tool_calls": [{**RAIN, "id": "1"}]})
    result = GenerationResult(candidate_id="c", final_output="Let me see.", conversation=[earlier, last])
    context = ParseContext(run_id="r", case_id="a")
    assert ToolCalls().parse(first_candidate([result]), context).value == [RAIN]
    without = result.model_copy(update={"conversation": [earlier, Message(role="assistant", content="So.")]})
    assert ToolCalls().parse(first_candidate([without]), context).value is None


def _result(value: Any, expected: Any, **arguments: Any) -> Any:
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=value)
    return ToolCallMatch(**arguments).score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))


def _scored(value: Any, expected: Any, **arguments: Any) -> Score:
    found = _result(value, expected, **arguments)
    assert isinstance(found, Score), found
    return found


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("value", "expected", "arguments", "is_right"),
    [
        ([RAIN], [RAIN], {}, True),
        ([RAIN], RAIN, {}, True),
        ([RAIN], {"tool_calls": [RAIN]}, {}, True),
        ([{"name": "rain", "arguments": '{"days": 2.0, "city": "Bern"}'}], [RAIN], {}, True),
        ([call("rain", city="Bern", days="2")], [RAIN], {}, False),
        ([call("rain", city="Bern")], [RAIN], {}, False),
        ([call("snow", city="Bern", days=2)], [RAIN], {}, False),
        ([SUN, RAIN], [RAIN, SUN], {}, True),
        ([SUN, RAIN], [RAIN, SUN], {"ordered": True}, False),
        ([RAIN, SUN], [RAIN, SUN], {"ordered": True}, True),
        ([RAIN, SUN], [RAIN], {}, False),
        ([RAIN, SUN], [RAIN], {"extra_calls": True}, True),
        ([SUN, RAIN, SUN], [RAIN, SUN], {"extra_calls": True, "ordered": True}, True),
        ([RAIN], [RAIN, RAIN], {}, False),
        ([RAIN, RAIN], [RAIN, RAIN], {}, True),
        ([call("rain", city="Bern", days=2, unit="mm")], [RAIN], {"arguments": "subset"}, True),
        ([call("rain", city="Bern", unit="mm")], [RAIN], {"arguments": "subset"}, False),
        ([call("f", a=1), call("f", a=1, b=2)], [call("f", a=1), call("f", b=2)], {"arguments": "subset"}, True),
        ([call("f", a=1, b=2), call("f", a=1)], [call("f", a=1), call("f", b=2)], {"arguments": "subset"}, True),
        ([call("rain")], [RAIN], {"arguments": "ignore"}, True),
        (None, [], {}, True),
        ("It will rain.", [], {}, True),
        (None, [RAIN], {}, False),
        ([RAIN], [], {}, False),
        ([RAIN] * 300, [RAIN], {"extra_calls": True}, False),
    ],
)
def test_calls_match_by_name_and_arguments(
    value: Any, expected: Any, arguments: dict[str, Any], is_right: bool
) -> None:
    assert _scored(value, expected, **arguments).value == float(is_right)


@pytest.mark.parametrize("expected", [None, "rain", 3, {"name": "rain"}, [RAIN, {"name": "sun"}], ["rain"]])
def test_without_expected_calls_there_is_no_score(expected: Any) -> None:
    words = "expected_output must be a list of {name, arguments}, or {tool_calls: <list>}"
    assert _result([RAIN], expected).reason == words


def test_the_figures_are_those_of_all_calls() -> None:
    rows = [
        _scored([RAIN, SUN], [RAIN]),
        _scored([call("rain")], [RAIN, SUN]),
        _scored(None, []),
    ]
    figures = ToolCallMatch().aggregate(iter(rows))
    assert figures == {"precision": 1 / 3, "recall": 1 / 3, "f1": 1 / 3, "name_recall": 2 / 3}
    assert ToolCallMatch().aggregate([rows[2]]) == {}


def test_arguments_that_are_none_of_these_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="arguments: must be exact, subset or ignore, not 'some'"):
        ToolCallMatch("some")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="ordered: must be true or false"):
        ToolCallMatch(ordered="yes")  # type: ignore[arg-type]
    assert ToolCallMatch().fingerprint() != ToolCallMatch(ordered=True).fingerprint()
