"""Parsing of a JSONL line as a case: by a case's own keys, or by mapped ones."""

from typing import Any, NoReturn, Protocol

from pydantic import ValidationError
from pydantic_core import from_json

from themis.core.datasets.fields import Fields
from themis.core.datasets.strict_json import count_keys, looks_strict, parse_strictly
from themis.core.models import Case
from themis.core.text.nearest import nearest_hint
from themis.core.text.pydantic_errors import MISSING_KEY, UNKNOWN_KEY, problems, words
from themis.core.values.record_paths import refuse

_CASE_KEYS = ("case_id", "input", "expected_output", "metadata")
_KINDS: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
_HINT = "map this file's keys with `fields`, as in `fields: {input: question}`"


class CaseLines(Protocol):
    """Parses lines as cases."""

    def case(self, line: bytes, case_number: int) -> Case:
        """Return the case in `line`; without an id of its own it is `case-<case_number>`.

        Raises:
            ValueError: it does not hold a case; the message says why.
        """

    def case_again(self, line: bytes, case_number: int) -> Case:
        """Return the case of a line that `case` has read before, without repeating its checks."""


class _CaseOfAnything(Case):
    """Model by which `OwnKeys` lets pydantic read: JSON holds only JSON, and checking for NaN separately is cheaper."""

    input: Any
    expected_output: Any = None


class OwnKeys:
    """Lines whose keys are a case's own: `case_id`, `input`, `expected_output`, `metadata`."""

    def __init__(self) -> None:
        """Bind the reader's methods."""
        # Bound once: the call through the model's own method costs a fifth of the whole reading.
        self._validate_json = _CaseOfAnything.__pydantic_validator__.validate_json
        self._new_case = Case.__new__

    def case(self, line: bytes, case_number: int) -> Case:
        """Return the case in `line`; without an id of its own it is `case-<case_number>`."""
        case = self.case_again(line, case_number)
        # An id that was generated here is not a key of the line.
        keys = len(case.__pydantic_fields_set__) - (line.find(b'"case_id"') < 0)
        if case.metadata:
            keys += len(case.metadata)
        if not looks_strict(line, keys + count_keys(case.input) + count_keys(case.expected_output)):
            parse_strictly(line)
        return case

    def case_again(self, line: bytes, case_number: int) -> Case:
        """Return the same case, without checking for repeated keys and for numbers that JSON does not have."""
        text = line
        if line.find(b'"case_id"') < 0 and line.startswith(b"{"):
            # The id is inserted into the line: half the cost of reading the line as an object and adding the id there.
            text = b'{"case_id":"case-%d",%b' % (case_number, line[1:])
        try:
            case: Case = self._validate_json(text, self_instance=self._new_case(Case))
        except ValidationError as error:
            return _explain(line, error, case_number)
        return case


class MappedKeys:
    """Lines of any shape, whose values are found by dotted paths; other keys are ignored."""

    def __init__(self, fields: Fields) -> None:
        """Find the fields of a case by the paths in `fields`."""
        self._fields = fields
        self._validate = Case.__pydantic_validator__.validate_python

    def case(self, line: bytes, case_number: int) -> Case:
        """Return the case in `line`; without a mapped id it is `case-<case_number>`."""
        found = self._fields.of(object_in(line))
        found.setdefault("case_id", f"case-{case_number}")
        try:
            case: Case = self._validate(found)
        except ValidationError as error:
            refuse(words(problems(error)[0]))
        return case

    case_again = case


def _numbered(line: bytes, case_number: int) -> Case:
    """Return the case in a line that appears to hold no `case_id`."""
    value = object_in(line)
    value.setdefault("case_id", f"case-{case_number}")
    try:
        return Case.model_validate(value)
    except ValidationError as error:
        return _refuse_fields(error)


def _explain(line: bytes, error: ValidationError, case_number: int) -> Case:
    """Raise the reason why a line was refused; return its case when only a nested `case_id` was the cause."""
    value = parse_strictly(line)
    if isinstance(value, dict) and "case_id" not in value:
        return _numbered(line, case_number)
    if error.errors(include_url=False)[0]["type"] == "json_invalid":
        refuse("is nested too deeply")
    return _refuse_fields(error)


def object_in(line: bytes) -> dict[str, Any]:
    """Return the object in a line.

    Raises:
        ValueError: it does not hold one, or not in strict JSON.
    """
    try:
        value = from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        parse_strictly(line)
        refuse("is nested too deeply")
    if not looks_strict(line, count_keys(value)):
        parse_strictly(line)
    if type(value) is not dict:
        refuse(f"must be a JSON object, not {_kind(value)}")
    return value


def _refuse_fields(error: ValidationError) -> NoReturn:
    problem = problems(error)[0]
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "model_type":
        refuse(f"must be a JSON object, not {_kind(problem['input'])}")
    if problem["type"] == MISSING_KEY:
        refuse(f"has no {place!r}; {_HINT}")
    if problem["type"] == UNKNOWN_KEY:
        refuse(f"unknown key {place!r}{nearest_hint(place, _CASE_KEYS, then=_HINT)}")
    refuse(words(problem))


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")
