"""Metric for JSON that must have a given form."""

import importlib
from functools import lru_cache
from typing import Any, ClassVar, NoReturn

from themis.core.base import JSONValue
from themis.core.builtins.answers.json_text import whole_json
from themis.core.builtins.component import BuiltinMetric, is_blank
from themis.core.builtins.extras import require_extra
from themis.core.builtins.patterns import Pattern
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, ParsedOutput, Score, ScoreError
from themis.core.text.canonical import canonical_json

_MOST_SHOWN = 5
_SHOWN_CHARACTERS = 200
_EXPECTS = "expected_output must be a JSON Schema, or {schema: <JSON Schema>}"


class _SchemaError(ValueError):
    """A schema that is none; the text says why."""


class JsonSchema(BuiltinMetric):
    """1 when the parsed value is JSON that is valid against a schema, else 0.

    The schema is the argument `schema`, else the expected output: itself, or `{schema: <JSON Schema>}`; as an object,
    or as JSON in a text. A value that is a text is read as JSON first; one that is not JSON scores 0. `$schema` names
    the draft, which is 2020-12 otherwise. References lead into the schema itself: nothing is fetched. `format` is not
    checked, as the drafts leave it. `details` hold the first `errors`, each with its place.
    """

    component_id = "builtin/json_schema"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {
        "jsonschema": {},
        "referencing": {},
        "regex": {},
    }

    def __init__(self, schema: JSONValue = None) -> None:
        """Validate against a schema, or against that of each case.

        Raises:
            InvalidArgumentError: it is not a JSON Schema.
            MissingExtraError: the package jsonschema or regex is not installed.
        """
        for package in ("jsonschema", "regex"):
            require_extra(package, component_id=self.component_id, extra="json")
        self._schema = schema
        if schema is not None:
            try:
                _validator(_as_text(schema))
            except _SchemaError as error:
                raise InvalidArgumentError(argument="schema", detail=str(error)) from None

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The schema."""
        return {} if self._schema is None else {"schema": self._schema}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score without a schema, or when validating does not end.

        Raises:
            PatternTimeError: a regular expression of the schema searches without end.
        """
        schema = _of_case(case) if self._schema is None else self._schema
        try:
            validator = _validator(_as_text(schema))
        except _SchemaError as error:
            return self.unscored(_EXPECTS if schema is None else f"the schema of the case {error}")
        value = parsed.value
        if isinstance(value, str):
            found = [] if is_blank(value) else whole_json(value)
            if not found:
                return self._scored(["the answer is not JSON"])
            value = found[0]
        try:
            errors = [
                _described(error) for error, _ in zip(validator.iter_errors(value), range(_MOST_SHOWN), strict=False)
            ]
        except RecursionError:
            return self.unscored("the schema refers to itself without end, or the answer is nested too deeply")
        except importlib.import_module("referencing.exceptions").Unresolvable as error:
            return self.unscored(f"the schema refers to {_short(str(error.ref))}, which is not in it")
        return self._scored(errors)

    def _scored(self, errors: list[str]) -> Score:
        details: dict[str, JSONValue] = {"errors": [*errors]} if errors else {}
        return Score(metric_id=self.component_id, value=float(not errors), details=details)


def _of_case(case: Case) -> JSONValue:
    expected = case.expected_output
    if isinstance(expected, dict) and isinstance(expected.get("schema"), dict | str | bool):
        return expected["schema"]
    return expected


def _as_text(schema: JSONValue) -> str:
    """Return a schema as JSON, by which its validator is kept."""
    if isinstance(schema, str):
        found = whole_json(schema)
        if not found or isinstance(found[0], str):
            _refuse("is not JSON")
        schema = found[0]
    if not isinstance(schema, dict | bool):
        _refuse("must be an object")
    try:
        return canonical_json(schema)
    except RecursionError:
        _refuse("is nested too deeply")


@lru_cache(maxsize=64)
def _validator(text: str) -> Any:
    """Return a validator of a schema that fetches nothing, and whose searches end."""
    library, referencing = importlib.import_module("jsonschema"), importlib.import_module("referencing")
    schema = whole_json(text)[0]
    try:
        kind = library.validators.validator_for(schema, default=library.Draft202012Validator)
        kind.check_schema(schema)
    except library.SchemaError as error:
        _refuse(f"is not a JSON Schema: {_described(error)}")
    except RecursionError:
        _refuse("is nested too deeply")
    bounded = {"pattern": _pattern, "patternProperties": _pattern_properties}
    return library.validators.extend(kind, bounded)(schema, registry=referencing.Registry())


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Any:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield importlib.import_module("jsonschema").ValidationError(f"does not match {pattern!r}")


def _pattern_properties(validator: Any, properties: dict[str, Any], instance: Any, _schema: Any) -> Any:
    if isinstance(instance, dict):
        for pattern, schema in properties.items():
            for key, value in instance.items():
                if _compiled(pattern).search(key):
                    yield from validator.descend(value, schema, path=key, schema_path=pattern)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Pattern:
    return Pattern(pattern, component_id=JsonSchema.component_id)


def _described(error: Any) -> str:
    return f"{_short(error.json_path)}: {_short(error.message)}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _refuse(reason: str) -> NoReturn:
    raise _SchemaError(reason)
