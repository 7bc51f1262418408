"""Values of rows of runs and of ended cases, as statements select them."""

from collections.abc import Iterable, Sequence
from typing import Any

from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.protocol import RunRecord
from themis.core.stores.reading import RUN_FIELDS

_STAGES = {int(stage): stage for stage in Stage}  # looking one up is ten times as quick as calling the class


def run_record(row: Sequence[Any]) -> RunRecord:
    """Return a run, from a row that begins with `RUN_FIELDS`."""
    values = dict(zip(RUN_FIELDS, row, strict=False))
    return RunRecord(**{**values, "status": RunStatus(values["status"])})


def case_ends(rows: Iterable[Sequence[Any]]) -> list[CaseEnd]:
    """Return ended cases, from rows of the fields of `CaseEnd`."""
    return [
        CaseEnd(no, dataset_no, case_id, digest, failed != 0, _STAGES[through])
        for no, dataset_no, case_id, digest, failed, through in rows
    ]
