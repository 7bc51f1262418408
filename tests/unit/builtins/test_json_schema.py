"""JSON that must be valid against a schema."""

import json
from typing import Any

import pytest

from themis.core.builtins.extras import is_installed
from themis.core.builtins.metrics.json_schema import JsonSchema
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError, MissingExtraError, PatternTimeError
from themis.core.models import Case, ParsedOutput, Score

pytestmark = pytest.mark.skipif(not is_installed("jsonschema"), reason="needs the extra json")

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def _result(value: Any, expected: Any = None, schema: Any = None) -> Any:
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=value)
    return JsonSchema(schema).score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))


def _scored(value: Any, expected: Any = None, schema: Any = None) -> tuple[float, list[str]]:
    found = _result(value, expected, schema)
    assert isinstance(found, Score), found
    errors: Any = found.details.get("errors", [])
    return found.value, errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"name": "Ada", "age": 36}, []),
        ('{"name": "Ada"}', []),
        ({"age": 3}, ["$: 'name' is a required property"]),
        ({"name": "ada"}, ["$.name: does not match '^[A-Z]'"]),
        ('{"name": "Ada", "age": -1}', ["$.age: -1 is less than the minimum of 0"]),
        ('Here: {"name": "Ada"}', ["the answer is not JSON"]),
        ('{"name": NaN}', ["the answer is not JSON"]),
        ("", ["the answer is not JSON"]),
        ([], ["$: [] is not of type 'object'"]),
    ],
)
@pytest.mark.parametrize("place", ["argument", "case", "case under schema", "text", "text under schema"])
def test_json_is_valid_against_a_schema_or_the_details_say_why_not(value: Any, errors: list[str], place: str) -> None:
    schema = json.dumps(PERSON) if place.startswith("text") else PERSON
    given = (
        {"schema": schema} if place == "argument" else {"expected": {"schema": schema} if "under" in place else schema}
    )
    assert _scored(value, **given) == (float(not errors), errors)


def test_a_draft_counts_by_its_name() -> None:
    exclusive = {"minimum": 1, "exclusiveMinimum": True}  # a number since draft 6
    assert _scored(1, {"$schema": "http://json-schema.org/draft-04/schema#", **exclusive})[0] == 0.0
    assert "is not a JSON Schema" in _result(1, exclusive).reason


def test_properties_are_told_by_patterns() -> None:
    schema = {"patternProperties": {"^n": {"type": "integer"}}}
    assert _scored({"n1": 1, "m": "x"}, schema)[0] == 1.0
    assert _scored({"n1": "x"}, schema) == (0.0, ["$.n1: 'x' is not of type 'integer'"])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (None, "expected_output must be a JSON Schema, or {schema: <JSON Schema>}"),
        ("not JSON", "the schema of the case is not JSON"),
        ([1], "the schema of the case must be an object"),
        ({"type": "person"}, "the schema of the case is not a JSON Schema: $.type: 'person' is not valid"),
        ({"$ref": "#"}, "the schema refers to itself without end"),
        ({"$ref": "https://example.org/s.json"}, "the schema refers to https://example.org/s.json, which is not in it"),
        ({"$ref": "#/$defs/x"}, "which is not in it"),
    ],
)
def test_without_a_schema_that_can_be_used_there_is_no_score(schema: Any, words: str) -> None:
    assert words in _result({}, schema).reason


def test_a_schema_that_is_none_is_refused_as_an_argument() -> None:
    with pytest.raises(InvalidArgumentError, match="schema: is not a JSON Schema"):
        JsonSchema({"type": "person"})
    assert JsonSchema(PERSON).fingerprint() != JsonSchema().fingerprint()


def test_a_pattern_that_searches_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.builtins.patterns.TIME_LIMIT_S", 0.05)
    with pytest.raises(PatternTimeError):
        _result(json.dumps("x" * 5_000), {"pattern": "(x+x+)+y"})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 100_000, '"\\ud800"'])
def test_a_hostile_answer_is_no_error(text: str) -> None:
    assert _scored(text, {"type": "object"})[0] == 0.0


def test_errors_are_few_and_short() -> None:
    value, errors = _scored(["x" * 10_000] * 100, {"items": {"type": "integer"}})
    assert (value, len(errors)) == (0.0, 5)
    assert max(map(len, errors)) < 300


def test_without_its_packages_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.builtins.extras.is_installed", lambda _module: False)
    with pytest.raises(MissingExtraError, match=r"jsonschema: pip install 'themis-eval\[json\]'"):
        JsonSchema()
