"""Metric whose scores are in a file."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.arguments import text
from themis.core.builtins.component import BuiltinMetric
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.judging.scales import key_of
from themis.core.models import Case, ParsedOutput, Score, ScoreError
from themis.core.score_files.score_file import Columns, GivenScore, ScoreFile, ScoresOfCase
from themis.core.values.record_paths import plain_text


class Precomputed(BuiltinMetric):
    """The score that a file has for a case: what people said of an answer, or another tool.

    A case that the file has no score for is unscored, never 0. The answer itself is not looked at, so that a case whose
    answer could not be parsed has its score too. The fingerprint has the file's content, not its path.
    """

    component_id = "builtin/precomputed"
    scores_no_answer = True

    def __init__(
        self,
        path: str,
        field: str | list[str] = "score",
        case_id: str = "case_id",
        dataset_id: str | None = None,
        candidate_index: str | None = None,
        labels: Mapping[Any, float] | None = None,
    ) -> None:
        """Read the file at `path`, relative to the working directory: JSONL, JSON, CSV, TSV or Parquet.

        Args:
            path: the file.
            field: dotted path or column of the score; of several the mean of those that a row has.
            case_id: that of the case's id.
            dataset_id: that of its dataset's id, where several datasets use an id.
            candidate_index: that of the candidate's index, from 0, where candidates are scored each.
            labels: what each label is worth, where scores are words: `{PASS: 1, FAIL: 0}`.

        Raises:
            InvalidArgumentError: one of them is something else.
            DatasetError, ScoreFileError: the file cannot be used; the message names file and line.
        """
        fields = field if isinstance(field, list) and field else [field]
        columns = Columns(
            tuple(text("field", one, example="human.score") for one in fields),
            text("case_id", case_id, example="case_id"),
            None if dataset_id is None else text("dataset_id", dataset_id, example="dataset_id"),
            None if candidate_index is None else text("candidate_index", candidate_index, example="sample"),
            None if labels is None else _worths(labels),
        )
        text("path", path, example="labels.csv")
        file = Path(os.path.expanduser(path)).absolute()  # noqa: PTH111  # an unknown user's stays as it is
        self._file = ScoreFile(file, columns)
        self._columns = columns

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The facts that decide the scores: the file's content, and where they are in it."""
        columns = self._columns
        return {
            "content": self._file.content,
            "field": list(columns.fields),
            "case_id": columns.case_id,
            "dataset_id": columns.dataset_id,
            "candidate_index": columns.candidate_index,
            "labels": None if columns.labels is None else dict(columns.labels),
        }

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return the score of the file; none without a row, or in a row without it."""
        given = _of_answer(self._file.of_case(ctx.dataset_id, case.case_id), ctx.candidate_index)
        if given is None:
            candidate = "" if ctx.candidate_index is None else f" for candidate {ctx.candidate_index}"
            return self.unscored(f"{self._file.name} has no score of case {case.case_id!r}{candidate}")
        if given.value is None:
            fields = " or ".join(map(repr, self._columns.fields))
            return self.unscored(f"the row of case {case.case_id!r} in {self._file.name} has no value at {fields}")
        details: dict[str, JSONValue] = {"values": {**given.values}} if len(self._columns.fields) > 1 else {}
        return Score(metric_id=self.component_id, value=given.value, details=details)


def _of_answer(rows: ScoresOfCase, index: int | None) -> GivenScore | None:
    """The row of a candidate; that of the reduced answer is the one without an index, else the only one."""
    if index is None and None not in rows and len(rows) == 1:
        return next(iter(rows.values()))
    return rows.get(index)


def _worths(labels: Any) -> dict[str, float]:
    detail = "must be a mapping from labels to numbers, such as {PASS: 1, FAIL: 0}"
    if not isinstance(labels, Mapping) or not labels:
        raise InvalidArgumentError(argument="labels", detail=detail)
    found: dict[str, float] = {}
    for label, worth in labels.items():
        if isinstance(worth, bool) or not isinstance(worth, int | float) or not math.isfinite(worth):
            raise InvalidArgumentError(argument="labels", detail=f"{detail}; {label!r} is worth {worth!r}")
        found[key_of(plain_text(label))] = float(worth)
    if len(found) < len(labels):
        raise InvalidArgumentError(argument="labels", detail="has a label twice, in upper and lower case")
    return found
