"""Datasets as a user gives them: cases in full, the file or split that holds them, or what yields them."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from themis.core.base import JSONValue, Labels, Name
from themis.core.data_frames.reading import is_frame
from themis.core.models import Case, Dataset
from themis.core.text.nearest import nearest_hint
from themis.core.values.dataset_selection import DatasetSelection
from themis.core.values.field_rule import FieldRule
from themis.core.values.hub_split import HubSplit


def _field_kind(value: Any) -> str:
    if isinstance(value, list):
        return "<paths>"
    return "<rule>" if isinstance(value, dict | FieldRule) else "<path>"


FieldPath = Annotated[
    Annotated[str, Tag("<path>")]
    | Annotated[list[str], Field(min_length=1), Tag("<paths>")]
    | Annotated[FieldRule, Tag("<rule>")],
    Discriminator(_field_kind),
]
"""The dotted path of one value, those of several (labels of `metadata`, texts of `choices`), or a rule for a value."""

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
        if isinstance(paths, FieldRule):
            continue
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


class ChosenCases(DatasetSelection):
    """A dataset whose cases are in records: which of them are taken, and where their values are.

    Attributes:
        fields: for each field of a case, the dotted path of its value in a record.
    """

    dataset_id: Name
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)] | None = None
    metadata: Labels = Field(default_factory=dict)

    @property
    def selection(self) -> DatasetSelection | None:
        """The cases that are taken, and their order; None when all are, in the order in which they are read."""
        found = DatasetSelection(**{name: getattr(self, name) for name in DatasetSelection.model_fields})
        return None if found == DatasetSelection() else found


class DatasetFile(ChosenCases):
    """A dataset whose cases are in a file, or in all files that a pattern matches, read as a stream.

    Attributes:
        path: the file, whose name tells its format; relative to the config file.
    """

    path: Annotated[str, AfterValidator(local_path)] = Field(min_length=1)
    revision: str | None = None


class DatasetOnHub(ChosenCases):
    """A dataset whose cases are in a split of the Hugging Face hub, or of a folder in its formats.

    Attributes:
        huggingface: the split; a folder is relative to the config file.
    """

    huggingface: HubSplit

    @property
    def path(self) -> str | None:
        """The folder; None for the hub."""
        return self.huggingface.name if self.huggingface.is_folder else None


class DatasetLoader(ChosenCases):
    """A dataset whose cases a function yields: that of a plug-in, or one that can be imported.

    Attributes:
        use: id of a plug-in, or `package.module:name`.
        arguments: keywords of the function, `with` in a file; secrets among them are references.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    use: str = Field(min_length=1)
    arguments: dict[str, JSONValue] = Field(default_factory=dict, alias="with")
    revision: str | None = None


_PLACES = {
    "cases": "list the cases",
    "path": "name the file that holds them",
    "huggingface": "name a split of the hub",
    "use": "name what yields them",
}
"""Keys of a dataset one of which says where its cases are, and what each of them is."""

_WITH_RECORDS = DatasetFile.model_fields.keys() | DatasetOnHub.model_fields.keys() | {"use", "with"}


def _dataset_kind(value: Any) -> str:
    if isinstance(value, dict):
        return next((key for key in ("huggingface", "path", "use") if key in value), "cases")
    if isinstance(value, DatasetOnHub):
        return "huggingface"
    if isinstance(value, DatasetLoader):
        return "use"
    return "path" if isinstance(value, DatasetFile) else "cases"


def _one_place(value: Any) -> Any:
    if is_frame(value):
        _refuse("is a DataFrame; make it a Dataset by dataset_from_cases of themis.core.dataset_inputs")
    if not isinstance(value, dict):
        return value
    if "benchmark" in value:
        _refuse("names a `benchmark`, which a config file may; in Python use themis.catalog.get_benchmark")
    found = [key for key in _PLACES if key in value]
    only_of_records = _WITH_RECORDS - Dataset.model_fields.keys() - _PLACES.keys()
    if len(found) > 1:
        others = " and a ".join(f"`{key}`" for key in found)
        _refuse(f"has {others}; {', or '.join(_PLACES[key] for key in found)}")
    if found == ["cases"] and (key := next((key for key in value if key in only_of_records), None)):
        _refuse(f"has `{key}`, which is about records, but no `path`, no `huggingface` and no `use`")
    if found == ["huggingface"] and "revision" in value:
        _refuse("has a `revision`, which stands under `huggingface` for a split of the hub")
    if not found and value.keys() <= _WITH_RECORDS | Dataset.model_fields.keys():
        _refuse(f"has neither `cases` nor a `path` nor `huggingface` nor a `use`; {', or '.join(_PLACES.values())}")
    return value


def _refuse(reason: str) -> None:
    raise ValueError(reason)


DatasetGiven = Dataset | DatasetFile | DatasetOnHub | DatasetLoader
"""A dataset in each of its forms."""

DatasetSpec = Annotated[
    Annotated[Dataset, Tag("cases")]
    | Annotated[DatasetFile, Tag("path")]
    | Annotated[DatasetOnHub, Tag("huggingface")]
    | Annotated[DatasetLoader, Tag("use")],
    Discriminator(_dataset_kind),
    BeforeValidator(_one_place),
]
"""A dataset as given by a user: its cases in full, the file or split that holds them, or what yields them."""
