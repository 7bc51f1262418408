"""Datasets built in memory from a script's values; a dataset too large for memory is better named by its file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from themis.core.base import JSONValue
from themis.core.data_frames.reading import Frame, is_frame, rows_of
from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_objects import case_in
from themis.core.datasets.file_source import FileSource
from themis.core.errors import DatasetError
from themis.core.models import Case, Dataset
from themis.core.text.pydantic_errors import problems, words
from themis.core.values.hub_split import HubSplit

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
    cases: Iterable[Case | Mapping[str, Any]] | Frame,
    *,
    dataset_id: str = INLINE,
    revision: str | None = INLINE,
    metadata: Mapping[str, str] | None = None,
) -> Dataset:
    """Return a dataset of `Case` values or mappings with `input` and optionally the other fields of a case.

    A mapping without `case_id` becomes `case-<n>`, n counting all cases from 1. Ids and labels may be numbers, which
    become their texts.

    The cases may be a pandas DataFrame, a row for each. Its columns are called `input`, `expected_output`, `case_id`
    (which may be its index), `metadata` and `metadata.<name>`; a missing value (NaN, None, NaT, NA) is one that is not
    given.

    Raises:
        DatasetError: one of them is not a case, and the message names its number; or a column is unknown.
    """
    where = f"dataset {dataset_id!r}"
    if is_frame(cases):
        found = _cases_in_frame(cases, where=where)
    else:
        found = [_case(value, number, where=f"{where}, case {number}") for number, value in enumerate(cases, start=1)]
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

    Its revision is the commit that was read; None for a folder.

    Args:
        dataset_name: name on the hub; or a local folder, which begins with `.`, `/` or `~`.
        split: such as `test` or `train[:100]`.
        input_field: dotted path of the input.
        expected_output_field: that of the expected output.
        case_id_field: that of the id; without one, cases are `case-<n>`, n from 1.
        revision: commit, tag or branch on the hub.
        config_name: the hub's name for a subset.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DatasetError: it cannot be loaded, has no such column, or a row is not a case.
        HubUnavailableError: the hub cannot be reached.
    """
    from themis.core.datasets.hub.hub_source import HubSource  # noqa: PLC0415  # most datasets are files

    given = {"name": dataset_name, "config": config_name, "split": split, "revision": revision}
    try:
        found = HubSplit.model_validate(given)
    except ValidationError as error:
        raise DatasetError(where=f"dataset {dataset_name!r}", detail=words(problems(error)[0])) from None
    paths = {"input": input_field, "expected_output": expected_output_field, "case_id": case_id_field}
    source = HubSource(found.title, found, {name: path for name, path in paths.items() if path is not None})
    return Dataset(dataset_id=source.dataset_id, cases=list(source.cases()), revision=source.revision)


def _case(value: Case | Mapping[str, Any], number: int, *, where: str) -> Case:
    try:
        return case_in(value, number)
    except ValueError as error:
        raise DatasetError(where=where, detail=str(error)) from None


def _cases_in_frame(frame: Frame, *, where: str) -> list[Case]:
    try:
        rows = enumerate(rows_of(frame), start=1)
    except ValueError as error:
        raise DatasetError(where=f"{where}, DataFrame", detail=str(error)) from None
    return [_case(row, number, where=f"{where}, row {number} (index {index!r})") for number, (index, row) in rows]
