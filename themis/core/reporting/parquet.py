"""A Parquet file of a run's scores: a row for each case and metric."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO

from themis.core.datasets.formats.arrow_library import arrow_and_parquet
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting.csv_table import value_in
from themis.core.reporting.summary import RunSummary
from themis.core.text.canonical import compact_json

_ROWS = 10_000
"""Rows that are in memory at once."""


def write_file(out: BinaryIO, summary: RunSummary, rows: Iterable[BenchmarkScoreRow], columns: Sequence[str]) -> None:
    """Write the whole file; nothing of it when it cannot be made.

    Its columns are those of the CSV, `details` as JSON. The metadata of its schema has `themis_run_id`,
    `themis_status`, and as JSON the figures of each metric under `themis_metrics`, those with edited scores, if there
    are any, under `themis_edited_metrics`, and the cost, if there is one, under `themis_cost`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = arrow_and_parquet("a report as a Parquet file")
    schema = arrow.schema([(column, _type_of(column, arrow)) for column in columns], _metadata(summary))
    every_row = iter(rows)
    with tempfile.TemporaryFile() as made:
        with parquet.ParquetWriter(made, schema) as writer:
            while batch := list(islice(every_row, _ROWS)):
                values = {column: [_cell(value_in(row, column)) for row in batch] for column in columns}
                writer.write_table(arrow.table(values, schema=schema))
        made.seek(0)
        shutil.copyfileobj(made, out)


def _type_of(column: str, arrow: Any) -> Any:
    numbers = {"value": arrow.float64(), "edited_value": arrow.float64(), "candidate_index": arrow.int64()}
    return numbers.get(column, arrow.string())


def _metadata(summary: RunSummary) -> dict[str, str]:
    metrics = {metric_id: found.document() for metric_id, found in summary.metrics.items()}
    cost = {} if summary.cost is None else {"themis_cost": compact_json(summary.cost.document())}
    edited = {metric_id: found.document() for metric_id, found in summary.edits.metrics.items()}
    return {
        "themis_run_id": summary.result.run_id,
        "themis_status": summary.result.status.value,
        **({} if summary.result.name is None else {"themis_name": summary.result.name}),
        "themis_metrics": compact_json(metrics),
        **({"themis_edited_metrics": compact_json(edited)} if edited else {}),
        **cost,
    }


def _cell(value: object) -> object:
    """Return a value as Arrow can hold it: a mapping as JSON, and a lone surrogate, which is not Unicode, escaped."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else None
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
