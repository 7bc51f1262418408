"""Datasets as a user gives them: cases in full, or the file that holds them."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from themis.core.base import Labels, Name
from themis.core.models import Case, Dataset
from themis.core.text.nearest import nearest_hint
from themis.core.values.dataset_selection import DatasetSelection

FieldPath = str | Annotated[list[str], Field(min_length=1)]
"""The dotted path of one value, or those of several: of the labels of `metadata`, of the texts of `choices`."""

CHOICES = "choices"
ANSWER = "answer"

FIELD_NAMES = (*Case.model_fields, CHOICES, ANSWER)
"""Fields that can be mapped: those of a case, and those of a question with choices."""

_SEVERAL = ("metadata", CHOICES)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")


def without_nul(value: Any) -> Any:
    """Check a path, or parameters with a path among them.

    Raises:
        ValueError: a text holds a NUL character.
    """
    texts = value.values() if isinstance(value, dict) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        msg = "holds a NUL character, which no path can"
        raise ValueError(msg)
    return value


def local_path(value: str) -> str:
    """Return a path of this machine.

    Raises:
        ValueError: it is a URL, or holds a NUL character.
    """
    without_nul(value)
    if _URL.match(value):
        msg = "is a URL; download the file and name it here"
        raise ValueError(msg)
    return value


def checked_fields(value: dict[str, FieldPath]) -> dict[str, FieldPath]:
    """Return the paths of a case's fields, by their names.

    Raises:
        ValueError: a field is unknown, a path is none, `input` is missing, or two fields exclude each other.
    """
    for name, paths in value.items():
        if name not in FIELD_NAMES:
            _refuse(f"a case has no field {name!r}{nearest_hint(name, FIELD_NAMES)}")
        if isinstance(paths, list) and name not in _SEVERAL:
            _refuse(f"{name} takes one path")
        for path in paths if isinstance(paths, list) else [paths]:
            if not all(path.split(".")):
                _refuse(f"{name}: {path!r} is not a dotted path such as answer.text")
    if "input" not in value:
        _refuse("needs a path for `input`, as in `fields: {input: question}`")
    if ANSWER in value and CHOICES not in value:
        _refuse("`answer` names one of `choices`, which are missing; call it expected_output otherwise")
    if CHOICES in value and "expected_output" in value:
        _refuse("beside `choices` the expected output is called `answer`")
    return value


class DatasetFile(DatasetSelection):
    """A dataset whose cases are in a file, or in all files that a pattern matches, read as a stream.

    Attributes:
        path: the file, whose name tells its format; relative to the config file.
        fields: for each field of a case, the dotted path of its value in an object or row of the file.
    """

    dataset_id: Name
    path: Annotated[str, AfterValidator(local_path)] = Field(min_length=1)
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)] | None = None
    revision: str | None = None
    metadata: Labels = Field(default_factory=dict)

    @property
    def selection(self) -> DatasetSelection | None:
        """The cases that are taken, and their order; None when all are, in the order of the file."""
        found = DatasetSelection(**{name: getattr(self, name) for name in DatasetSelection.model_fields})
        return None if found == DatasetSelection() else found


def _dataset_kind(value: Any) -> str:
    is_file = "path" in value if isinstance(value, dict) else isinstance(value, DatasetFile)
    return "file" if is_file else "cases"


def _one_of_both(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    keys = value.keys()
    only_of_files = DatasetFile.model_fields.keys() - Dataset.model_fields.keys() - {"path"}
    if {"cases", "path"} <= keys:
        _refuse("has `cases` and a `path`; list the cases, or name the file that holds them")
    if "cases" in keys and (key := next((key for key in keys if key in only_of_files), None)):
        _refuse(f"has `{key}`, which is about the cases of a file, but no `path`")
    if keys <= DatasetFile.model_fields.keys() - {"path"}:
        _refuse("has neither `cases` nor a `path`; list the cases, or name the file that holds them")
    return value


def _refuse(reason: str) -> None:
    raise ValueError(reason)


DatasetSpec = Annotated[
    Annotated[Dataset, Tag("cases")] | Annotated[DatasetFile, Tag("file")],
    Discriminator(_dataset_kind),
    BeforeValidator(_one_of_both),
]
"""A dataset as given by a user: its cases in full, or the file that holds them."""
