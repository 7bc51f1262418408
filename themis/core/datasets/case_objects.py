"""Values of a script or a function as cases: mappings with a case's own keys, or mapped ones, and cases themselves."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from themis.core.datasets.fields import Fields
from themis.core.models import Case
from themis.core.text.nearest import nearest_hint
from themis.core.text.pydantic_errors import problems, words
from themis.core.values.record_paths import refuse


def case_in(value: Any, case_number: int, fields: Fields | None = None) -> Case:
    """Return the case that a value is or holds; without an id of its own it is `case-<case_number>`.

    Args:
        value: a case, or a mapping.
        case_number: number of the value, from 1.
        fields: where the fields of a case are in a mapping; None: its keys are those of a case.

    Raises:
        ValueError: it does not hold a case; the message says why.
    """
    if fields is None and isinstance(value, Case):
        return value
    found = dict(row_of(value)) if fields is None else fields.of(row_of(value))
    found.setdefault("case_id", f"case-{case_number}")
    for key in found:
        if key not in Case.model_fields:
            refuse(f"unknown key {key!r}{nearest_hint(str(key), Case.model_fields)}")
    try:
        return Case.model_validate(found)
    except ValidationError as error:
        refuse(words(problems(error)[0]))


def row_of(value: Any) -> Mapping[str, Any]:
    """Return the values in a case or a mapping, by their names.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, Case):
        return {name: getattr(value, name) for name in Case.model_fields}
    if isinstance(value, Mapping):
        return value
    return refuse(f"must be a Case or a mapping with `input`, not a {type(value).__name__}")
