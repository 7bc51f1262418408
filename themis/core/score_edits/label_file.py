"""Labels that people gave to the cases of a run, as edits of its scores: a file with a row for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from themis.core.datasets.file_rows import rows_of
from themis.core.errors import ScoreEditError
from themis.core.judging.scales import key_of, shortened
from themis.core.score_edits.editing import Correction
from themis.core.score_edits.places import Named, metric_of
from themis.core.score_files.row_parts import finite_number, id_at, index_at, lacks
from themis.core.snapshot import RunSnapshot

UNSCORED = "unscored"
"""The word for a case that is to be left out."""


class Unsaid(NamedTuple):
    """Defaults for the rows that do not say it themselves; None for what each must say."""

    metric_id: str | None = None
    by: str | None = None
    why: str | None = None


def read_corrections(
    path: Path, snapshot: RunSnapshot, unsaid: Unsaid, worth: Mapping[str, Mapping[str, float]]
) -> list[Correction]:
    """Return what a file says: rows with `case_id`, `value` or `label`, `by`, `why`.

    They may have `metric`, `dataset_id` and `candidate_index`, too.

    Args:
        path: the file, in any format of a dataset.
        snapshot: the run.
        unsaid: what holds for rows that lack it.
        worth: what a label counts as, by the metric's id and by the label as `key_of` gives it.

    Raises:
        DatasetError: the file cannot be read.
        ScoreFileError: an id or index in a row is none.
        ScoreEditError: a row lacks something, or its value or label is not a score; or there is no row.
    """
    found = [_correction(where, row, snapshot, unsaid, worth) for where, row in rows_of(path)]
    if not found:
        raise ScoreEditError(where=str(path), detail="holds no labels; a row has case_id, value or label, by and why")
    return found


def _correction(
    where: str,
    row: Mapping[str, Any],
    snapshot: RunSnapshot,
    unsaid: Unsaid,
    worth: Mapping[str, Mapping[str, float]],
) -> Correction:
    case_id = id_at(where, "case_id", row)
    if case_id is None:
        raise ScoreEditError(where=where, detail=lacks("case_id", row))
    named = Named(
        where,
        case_id,
        id_at(where, "metric", row) or unsaid.metric_id,
        id_at(where, "dataset_id", row),
        index_at(where, "candidate_index", row),
    )
    metric_id = metric_of(snapshot, named)
    value = _value(where, row, worth.get(metric_id, {}))
    return Correction(
        named._replace(metric_id=metric_id),
        value,
        _text(where, row, "by", unsaid.by),
        _text(where, row, "why", unsaid.why),
    )


def _value(where: str, row: Mapping[str, Any], worth: Mapping[str, float]) -> float | None:
    """Return the score that a row gives; None for a case that is to be left out."""
    given = {name: row[name] for name in ("value", "label") if row.get(name) is not None}
    if len(given) != 1:
        detail = "has both 'value' and 'label'; give one" if given else "has neither a 'value' nor a 'label'"
        raise ScoreEditError(where=where, detail=detail)
    ((name, said),) = given.items()
    if isinstance(said, str) and key_of(said) == UNSCORED:
        return None
    if name == "label" and isinstance(said, str | bool) and key_of(str(said)) in worth:
        return worth[key_of(str(said))]
    number = finite_number(said)
    if number is not None:
        return number
    if name == "value":
        detail = f"'value' must be a finite number, true, false or {UNSCORED}, not {shortened(said)!r}"
        raise ScoreEditError(where=where, detail=detail)
    known = f", or is one of {', '.join(worth)}" if worth else ""
    detail = f"nobody has said what the label {shortened(said)!r} is worth: a label is a number{known}; see --worth"
    raise ScoreEditError(where=where, detail=detail)


def _text(where: str, row: Mapping[str, Any], name: str, unsaid: str | None) -> str:
    value = row.get(name)
    if value is None or value == "":
        return unsaid or ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ScoreEditError(where=where, detail=f"{name!r} must be a text, not {shortened(value)!r}")
    return str(value)
