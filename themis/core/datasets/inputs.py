"""Datasets built in memory from a script's values; a dataset too large for memory is better named by its file."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from themis.core.base import JSONValue
from themis.core.dataset_config import FieldPath
from themis.core.datasets.file_source import FileSource
from themis.core.errors import DatasetError, MissingExtraError
from themis.core.models import Case, Dataset
from themis.core.text.nearest import nearest_hint
from themis.core.text.pydantic_errors import problems, words

INLINE = "inline"


def dataset_from_inline(
    *,
    input_value: JSONValue,
    expected_output: JSONValue = None,
    dataset_id: str = INLINE,
    case_id: str = "case-1",
    revision: str | None = INLINE,
) -> Dataset:
    """Return a dataset of one case.

    Raises:
        DatasetError: a value is not valid in a case; the message names it.
    """
    case = {"case_id": case_id, "input": input_value, "expected_output": expected_output}
    return dataset_from_cases([case], dataset_id=dataset_id, revision=revision)


def dataset_from_cases(
    cases: Iterable[Case | Mapping[str, Any]],
    *,
    dataset_id: str = INLINE,
    revision: str | None = INLINE,
    metadata: Mapping[str, str] | None = None,
) -> Dataset:
    """Return a dataset of `Case` values or mappings with `input` and optionally the other fields of a case.

    A mapping without `case_id` becomes `case-<n>`, n counting all cases from 1. Ids and labels may be numbers, which
    become their texts.

    Raises:
        DatasetError: one of them is not a case; the message names its number.
    """
    found = [_case(value, number, where=f"dataset {dataset_id!r}") for number, value in enumerate(cases, start=1)]
    return Dataset(dataset_id=dataset_id, cases=found, revision=revision, metadata=dict(metadata or {}))


def dataset_from_jsonl(
    path: str | Path,
    *,
    dataset_id: str | None = None,
    fields: Mapping[str, FieldPath] | None = None,
    revision: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Dataset:
    """Return a dataset of all cases in a JSONL file; without `dataset_id` it is named by the file's stem.

    `fields` gives dotted paths as for `FileSource`.

    Raises:
        DatasetError: the file cannot be read, or a line is not a case; the message names file and line.
    """
    source = FileSource(dataset_id or Path(path).stem, path, fields, revision, metadata)
    return Dataset(
        dataset_id=source.dataset_id, cases=list(source.cases()), revision=revision, metadata=dict(source.metadata)
    )


def dataset_from_huggingface(  # noqa: PLR0913  # keywords, one a column
    *,
    dataset_name: str,
    split: str,
    input_field: str,
    expected_output_field: str | None = None,
    case_id_field: str | None = None,
    revision: str | None = None,
    config_name: str | None = None,
) -> Dataset:
    """Return a split of a Hugging Face dataset, with dataset id `<dataset_name>[:<config_name>]:<split>`.

    Args:
        dataset_name: name on the hub, or a local folder.
        split: such as `test` or `train[:100]`.
        input_field: column of the input.
        expected_output_field: column of the expected output.
        case_id_field: column of the id; without one, cases are `case-<n>`, n from 1.
        revision: commit, tag or branch on the hub; prefer a commit, since the others move.
        config_name: the hub's name for a subset.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DatasetError: it cannot be loaded, has no such column, or a row is not a case.
    """
    hub = _huggingface()
    name = ":".join(part for part in (dataset_name, config_name, split) if part)
    where = f"dataset {name!r}"
    try:
        rows = hub.load_dataset(dataset_name, config_name, split=split, revision=revision)
    except Exception as error:
        reason = f"{type(error).__name__}: {_one_line(error)}"
        raise DatasetError(where=where, detail=f"cannot be loaded: {reason}") from error
    columns = {"case_id": case_id_field, "input": input_field, "expected_output": expected_output_field}
    cases = [
        _case(_pick(row, columns, where=f"{where}, row {number}"), number, where=where)
        for number, row in enumerate(rows, start=1)
    ]
    return Dataset(dataset_id=name, cases=cases, revision=revision)


def _case(value: Case | Mapping[str, Any], number: int, *, where: str) -> Case:
    if isinstance(value, Case):
        return value
    place = f"{where}, case {number}"
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise DatasetError(where=place, detail=f"must be a Case or a mapping with `input`, not a {kind}")
    for key in value:
        if key not in Case.model_fields:
            raise DatasetError(where=place, detail=f"unknown key {key!r}{nearest_hint(str(key), Case.model_fields)}")
    try:
        return Case.model_validate({"case_id": f"case-{number}", **value})
    except ValidationError as error:
        raise DatasetError(where=place, detail=words(problems(error)[0])) from None


def _pick(row: Mapping[str, Any], columns: Mapping[str, str | None], *, where: str) -> dict[str, JSONValue]:
    found = {}
    for field, column in columns.items():
        if column is None:
            continue
        if column not in row:
            raise DatasetError(where=where, detail=f"has no column {column!r}; there are {', '.join(row)}")
        found[field] = row[column]
    return found


def _huggingface() -> ModuleType:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise MissingExtraError(
            reference="dataset_from_huggingface", package="datasets", distribution="themis-eval", extra="huggingface"
        ) from None


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
