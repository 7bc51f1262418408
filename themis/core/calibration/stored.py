"""Calibrations in a store: kept by judge and rubric, and found for the judged metrics of any run."""

from pydantic import ValidationError

from themis.core.calibration.binding import bindings
from themis.core.calibration.models import Calibration
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore
from themis.core.text.canonical import compact_json, content_hash

UNCALIBRATED = "uncalibrated"
"""What reports say of a judged metric that has no calibration."""


def save(store: RunStore, calibration: Calibration) -> bool:
    """Keep a calibration in place of an earlier one of the same judge and rubric; not one that compares no case."""
    if calibration.compared:
        store.save_calibration(content_hash(calibration.bound_to), compact_json(calibration.document()))
    return calibration.compared > 0


def find(store: RunStore, snapshot: RunSnapshot) -> dict[str, Calibration | None]:
    """Return the calibration of each judged metric of a run, by its id; None where its judge and rubric have none."""
    judged = snapshot.judged_metrics
    kept = store.calibrations() if judged else {}
    found: dict[str, Calibration | None] = dict.fromkeys(judged)
    if kept:
        for metric_id, bound_to in bindings(store, snapshot, judged).items():
            found[metric_id] = _read(kept.get(content_hash(bound_to)))
    return found


def _read(text: str | None) -> Calibration | None:
    """The calibration in a text; None for one of another version that lacks what is needed: a report goes on."""
    try:
        return None if text is None else Calibration.model_validate_json(text)
    except ValidationError:
        return None


def notes(store: RunStore, snapshot: RunSnapshot) -> dict[str, str]:
    """Return what a report says beside each judged metric of a run, by its id."""
    return {metric_id: note_of(calibration) for metric_id, calibration in find(store, snapshot).items()}


def note_of(calibration: Calibration | None) -> str:
    """Return what a report says beside a judged metric: kappa with its interval and labels, or `uncalibrated`."""
    if calibration is None:
        return UNCALIBRATED
    kappa = calibration.kappa
    if kappa.value is None:
        return f"kappa not measured: {kappa.reason}"
    interval = "" if kappa.ci_lower is None else f"{kappa.ci_lower:.2f} to {kappa.ci_upper:.2f}, "
    return f"kappa {kappa.value:.2f} ({interval}{kappa.count:,} labels)"
