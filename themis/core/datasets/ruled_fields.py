"""Values of a case that follow from a rule: parsed, named, looked up, or made of several."""

from collections.abc import Callable
from typing import Any

from themis.core.builtins import BUILTINS
from themis.core.components.resolution import PARSER, load_component
from themis.core.contexts import ParseContext
from themis.core.errors import ComponentError, DatasetError
from themis.core.models import ReducedCandidate
from themis.core.text.nearest import nearest_hint
from themis.core.values.field_rule import FieldRule
from themis.core.values.record_paths import Row, finder, plain_text, refuse

_CONTEXT = ParseContext(run_id="dataset", case_id="dataset", dataset_id="dataset", candidate_id="dataset")


def rule_finder(name: str, rule: FieldRule) -> Callable[[Row], Any]:
    """Return a function that gives the value of the field `name` in a record.

    It raises ValueError when a value is missing, cannot be parsed, or is not in the list.

    Raises:
        DatasetError: the rule names a parser that is not shipped.
    """
    where = f"fields.{name}"
    steps = [_source(rule, where)]
    if rule.names:
        steps.append(lambda _row, value: rule.names.get(plain_text(value), value))
    if rule.parse is not None:
        steps.append(_parsed(rule.parse, where))
    if rule.among is not None:
        steps.append((_places if rule.every else _place)(rule.among, where))

    def find(row: Row) -> Any:
        value = None
        for step in steps:
            value = step(row, value)
        return value

    return find


def _source(rule: FieldRule, where: str) -> Callable[[Row, Any], Any]:
    if rule.path is not None:
        find = finder(rule.path, where)
        return lambda row, _value: find(row)
    if rule.parts is not None:
        found = {key: finder(path, where) for key, path in rule.parts.items()}
        return lambda row, _value: {key: find(row) for key, find in found.items()}
    return lambda _row, _value: rule.value


def _parsed(parser_id: str, where: str) -> Callable[[Row, Any], Any]:
    if parser_id not in BUILTINS:
        hint = nearest_hint(parser_id, BUILTINS)
        raise DatasetError(where=where, detail=f"`parse` takes a shipped parser, not {parser_id!r}{hint}")
    try:
        parser = load_component(parser_id, PARSER, where=where).live
    except ComponentError as error:
        raise DatasetError(where=where, detail=str(error)) from None

    def parse(_row: Row, value: Any) -> Any:
        candidate = ReducedCandidate(candidate_id="dataset", source_candidate_ids=[], final_output=value)
        found = parser.parse(candidate, _CONTEXT).value
        if found is None:
            refuse(f"{where}: {parser_id} finds nothing in {plain_text(value)[:80]!r}")
        return found

    return parse


def _place(path: str, where: str) -> Callable[[Row, Any], Any]:
    found = _places(path, where)

    def place(row: Row, value: Any) -> int:
        places: list[int] = found(row, value)
        if len(places) != 1:
            refuse(f"{where}: {plain_text(value)[:80]!r} is not once in the list {path}")
        return places[0]

    return place


def _places(path: str, where: str) -> Callable[[Row, Any], Any]:
    find = finder(path, where)

    def places(row: Row, value: Any) -> list[int]:
        listed, wanted = find(row), plain_text(value)
        return [
            number
            for number, item in enumerate(listed if isinstance(listed, list) else [])
            if plain_text(item) == wanted
        ]

    return places
