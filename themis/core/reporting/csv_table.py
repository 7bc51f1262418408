"""CSV of a run's scores: a row for each case and metric."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from themis.core.read_models import BenchmarkScoreRow
from themis.core.snapshot import RunSnapshot
from themis.core.text.canonical import compact_json
from themis.core.text.lines import visible

_OF_CANDIDATE = "candidate_index"
_OF_JUDGES = "calibration"

COLUMNS: tuple[str, ...] = tuple(
    name for name in BenchmarkScoreRow.model_fields if name not in {_OF_CANDIDATE, _OF_JUDGES}
)
"""Columns of the CSV and of the LaTeX table of scores: the fields of a row that each run has."""

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def columns_of(snapshot: RunSnapshot, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns for a run: those of all, with scores of single candidates their index, with judges theirs."""
    of_candidates = (_OF_CANDIDATE,) if snapshot.scores_each else ()
    return (*COLUMNS, *of_candidates, *((_OF_JUDGES,) if snapshot.judged_metrics else ()), *more)


def value_in(row: BenchmarkScoreRow, column: str) -> Any:
    """Return the value of a row in a column; None in one that the row does not have."""
    return getattr(row, column, None)


def write_rows(out: TextIO, rows: Iterable[BenchmarkScoreRow], columns: Sequence[str] = COLUMNS) -> None:
    """Write the header and the rows of scores one by one."""
    write_table(out, columns, ([value_in(row, column) for column in columns] for row in rows))


def write_table(out: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and rows one by one.

    Numbers stay numbers. A text that looks like a formula gets an apostrophe in front, unless it is a number.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(csv_cell, row) for row in rows)


def csv_cell(value: object) -> object:
    """Return a value for a CSV: numbers stay numbers, and a formula of a spreadsheet gets an apostrophe in front."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""  # ASCII
    if isinstance(value, str):
        value = visible(value)
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
