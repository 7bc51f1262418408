"""Scores in a file: a row for each case, or for each candidate of a case."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from themis.core.datasets.file_rows import rows_of
from themis.core.errors import ScoreFileError
from themis.core.judging.scales import key_of, shortened
from themis.core.score_files.row_parts import finite_number, id_at, index_at, refuse, value_at
from themis.core.values.record_paths import plain_text


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of the parts of a row: dotted paths, or columns of a table.

    Attributes:
        fields: of the scores; the score of a row is the mean of those that it has.
        case_id: of the case's id.
        dataset_id: of its dataset's; None where the file does not say.
        candidate_index: of the candidate's index, from 0; None where the file does not say.
        labels: what each label is worth; None for numbers, and for true and false.
    """

    fields: tuple[str, ...]
    case_id: str = "case_id"
    dataset_id: str | None = None
    candidate_index: str | None = None
    labels: Mapping[str, float] | None = None


class GivenScore(NamedTuple):
    """The score of a row.

    Attributes:
        where: file and line, for messages.
        values: the scores by their fields, without those that the row lacks.
    """

    where: str
    values: dict[str, float]

    @property
    def value(self) -> float | None:
        """The mean; None when the row has no score."""
        return math.fsum(self.values.values()) / len(self.values) if self.values else None


ScoresOfCase = dict[int | None, GivenScore]
"""The rows of a case by the candidate's index; None for one that does not say."""


class ScoreFile:
    """The scores of a file, in memory.

    Attributes:
        name: the file's name, for messages.
        content: SHA-256 of its content, as 64 hex digits.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        """Read the file at `path`.

        Raises:
            DatasetError: it cannot be read.
            ScoreFileError: a row has no case or no usable score, a case or candidate has two, or no row has a score.
        """
        self.name = path.name
        self._columns = columns
        self._cases: dict[tuple[str | None, str], ScoresOfCase] = {}
        for where, row in rows_of(path):
            self._take(where, row)
        if not any(given.values for of_case in self._cases.values() for given in of_case.values()):
            fields = " or ".join(map(repr, columns.fields))
            raise ScoreFileError(where=str(path), detail=f"no row has a score at {fields}")
        with path.open("rb") as file:
            self.content = file_digest(file, "sha256").hexdigest()

    def of_case(self, dataset_id: str | None, case_id: str) -> ScoresOfCase:
        """Return the rows of a case: those that name its dataset, else those that name none."""
        named = self._cases.get((dataset_id, case_id)) if dataset_id is not None else None
        return named or self._cases.get((None, case_id), {})

    def _take(self, where: str, row: Mapping[str, Any]) -> None:
        columns = self._columns
        case_id = id_at(where, columns.case_id, row)
        if case_id is None:
            refuse(where, f"has no case's id at {columns.case_id!r}")
        dataset_id = None if columns.dataset_id is None else id_at(where, columns.dataset_id, row)
        index = None if columns.candidate_index is None else index_at(where, columns.candidate_index, row)
        given = GivenScore(where, dict(self._scores(where, row)))
        earlier = self._cases.setdefault((dataset_id, case_id), {}).setdefault(index, given)
        if earlier is not given:
            candidate = "" if index is None else f", candidate {index},"
            refuse(where, f"case {case_id!r}{candidate} has a score already, at {earlier.where}")

    def _scores(self, where: str, row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        for field in self._columns.fields:
            value = value_at(row, field)
            if value is not None:
                yield field, self._number(where, field, value)

    def _number(self, where: str, field: str, value: Any) -> float:
        labels = self._columns.labels
        if labels is not None:
            worth = labels.get(key_of(plain_text(value)))
            if worth is None:
                refuse(where, f"{field!r} is {shortened(value)!r}, which is not one of the labels: {', '.join(labels)}")
            return worth
        number = finite_number(value)
        if number is None:
            refuse(where, f"{field!r} must be a number, or true or false, not {shortened(value)!r}; see `labels`")
        return number
