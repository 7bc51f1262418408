"""Labels that people gave to the cases of a run, from a file: one row for each case."""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from themis.core.datasets.file_rows import rows_of
from themis.core.errors import InvalidArgumentError, LabelError
from themis.core.score_files.row_parts import id_at, lacks
from themis.core.snapshot import PURE
from themis.core.text.nearest import nearest_hint


class PeoplesLabel(NamedTuple):
    """One label.

    Attributes:
        where: file and line, for messages.
        case_id: the case.
        label: as it stands in the file: a text, or in JSON a number or a truth value.
        metric: the metric that it is about; None where the file does not say.
        dataset_id: the case's dataset; None where the file does not say.
    """

    where: str
    case_id: str
    label: Any
    metric: str | None
    dataset_id: str | None


class LabelFile(NamedTuple):
    """The labels of a file; `sha256` is the hash of its content, as 64 hex digits."""

    name: str
    sha256: str
    labels: list[PeoplesLabel]


def read_labels(path: Path) -> LabelFile:
    """Read a file with the keys or columns `case_id` and `label`, and perhaps `metric` and `dataset_id`.

    Raises:
        DatasetError: the file cannot be read.
        LabelError: a row has no case or no label, or there is no row.
        ScoreFileError: an id in a row is none.
    """
    labels = [_label(where, row) for where, row in rows_of(path)]
    if not labels:
        raise LabelError(where=str(path), detail="holds no labels; a row has a case_id and a label")
    with path.open("rb") as file:
        return LabelFile(path.name, file_digest(file, "sha256").hexdigest(), labels)


def _label(where: str, row: Any) -> PeoplesLabel:
    for key in ("case_id", "label"):
        if row.get(key) is None:
            raise LabelError(where=where, detail=lacks(key, row))
    if not isinstance(row["label"], str | int | float):
        raise LabelError(where=where, detail="a label is a text, a number, or true or false")
    metric, dataset_id = (id_at(where, key, row) for key in ("metric", "dataset_id"))
    return PeoplesLabel(where, id_at(where, "case_id", row) or "", row["label"], metric, dataset_id)


def by_metric(
    labels: list[PeoplesLabel], families: Mapping[str, str], named: str | None
) -> dict[str, list[PeoplesLabel]]:
    """Return the labels by the metric that they are about.

    Args:
        labels: those of a file.
        families: of the metrics of the run, by their ids.
        named: the metric of the labels that do not name one; None for the only one that asks judges.

    Raises:
        LabelError: a label is about no metric of the run that asks judges.
        InvalidArgumentError: `named` is none, or the run has no metric that asks judges.
    """
    judged = [metric_id for metric_id, family in families.items() if family != PURE]
    if not judged:
        raise InvalidArgumentError(argument="labels", detail="no metric of the run asks a judge")
    if named is not None and named not in judged:
        raise InvalidArgumentError(argument="metric_id", detail=_not_judged(named, families, judged))
    own = named or (judged[0] if len(judged) == 1 else None)
    found: dict[str, list[PeoplesLabel]] = {}
    for label in labels:
        metric_id = label.metric or own
        if metric_id is None:
            detail = f"says no metric, and {', '.join(judged)} ask judges; add 'metric', or name one for all of them"
            raise LabelError(where=label.where, detail=detail)
        if metric_id not in judged:
            raise LabelError(where=label.where, detail=_not_judged(metric_id, families, judged))
        found.setdefault(metric_id, []).append(label)
    return found


def _not_judged(metric_id: str, families: Mapping[str, str], judged: list[str]) -> str:
    if metric_id in families:
        return f"the metric {metric_id!r} asks no judge; those that do: {', '.join(judged)}"
    return f"the run has no metric {metric_id!r}{nearest_hint(metric_id, judged)}"
