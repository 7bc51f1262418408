"""Calibrating: the verdicts of a stored run beside the labels of people, and what they come to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from themis.core.calibration import figures
from themis.core.calibration.binding import bindings
from themis.core.calibration.figures import Compared
from themis.core.calibration.labels import LabelFile, PeoplesLabel
from themis.core.calibration.models import Calibration
from themis.core.calibration.verdicts import CaseVerdict, verdicts_of
from themis.core.errors import InvalidArgumentError, LabelError, VerdictOutsideScaleError
from themis.core.judging.scales import Labels, Numbers, Scale, Verdict, key_of
from themis.core.outcomes.codec import now_ms
from themis.core.snapshot import RunSnapshot, case_key
from themis.core.stores import RunStore
from themis.core.text.nearest import nearest_hint

_PAGE = 10_000
"""Ended cases that are read together."""

_TWO = 2


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A stored run with judged metrics.

    Attributes:
        scales: the scales of its metrics, by their ids, as far as they are known.
    """

    store: RunStore
    snapshot: RunSnapshot
    scales: Mapping[str, Scale]


def calibrated(
    run: JudgedRun, metric_id: str, file: LabelFile, labels: Sequence[PeoplesLabel], positive: Sequence[str] = ()
) -> Calibration:
    """Return the calibration of a judged metric by the labels of a file that are about it; nothing is stored.

    Args:
        run: the run.
        metric_id: the metric.
        file: whence the labels are.
        labels: those about the metric.
        positive: the verdicts that count as positive; none for the best one of a scale of two.

    Raises:
        LabelError: a label is about no case, or about one that has a label already, or is not on the scale.
        InvalidArgumentError: one of `positive` is not on the scale.
    """
    scale = run.scales.get(metric_id)
    label_by_key = _by_case(_ended_cases(run), labels)
    column = next(column for column, name in run.snapshot.metric_columns.items() if name == metric_id)
    verdicts = list(verdicts_of(run.store, run.snapshot, column, label_by_key))
    known = {key_of(verdict.label): verdict.label for verdict in verdicts if verdict.label is not None}
    meanings = {key: _on_scale(label, scale, known) for key, label in label_by_key.items()}
    cases = [
        _compared(meanings[verdict.case_key], verdict, scale)
        for verdict in verdicts
        if verdict.case_key in meanings and verdict.label is not None
    ]
    without = Counter(
        verdict.reason or "no_verdict" for verdict in verdicts if verdict.case_key in meanings and verdict.label is None
    )
    options = scale.options if scale is not None and not isinstance(scale, Numbers) else None
    occurring = {name for case in cases for name in (case.people, case.judge)}
    chosen, why_none = _positive(positive, options, scale, known)
    is_binary = options is not None and len(options) == _TWO
    return Calibration(
        metric_id=metric_id,
        run_id=run.snapshot.run_id,
        bound_to=bindings(run.store, run.snapshot, [metric_id])[metric_id],
        created_ms=now_ms(),
        labels_file=file.name,
        labels_sha256=file.sha256,
        labelled=len(labels),
        compared=len(cases),
        without_verdict=dict(sorted(without.items())),
        verdicts=options or sorted(occurring),
        positive=chosen,
        **figures.agreement_figures(cases),
        **figures.rates(cases, chosen, why_none),
        rank_correlation=figures.rank_correlation(cases, scale_of_two=is_binary),
        position_bias=figures.position_bias(verdict.winners for verdict in verdicts),
        length_bias=figures.length_bias(cases, scale_of_two=is_binary),
        self_consistency=figures.self_consistency(verdict.repeats for verdict in verdicts),
    )


def _ended_cases(run: JudgedRun) -> dict[str, list[str]]:
    """The keys of the ended cases by their ids."""
    found: dict[str, list[str]] = {}
    first = 0
    while ends := run.store.ends_from(run.snapshot.run_id, first, _PAGE):
        for end in ends:
            dataset_id = run.snapshot.datasets[end.dataset_no].dataset_id
            found.setdefault(end.case_id, []).append(case_key(dataset_id, end.case_id))
        first = ends[-1].case_no + 1
    return found


def _by_case(ended: Mapping[str, Sequence[str]], labels: Iterable[PeoplesLabel]) -> dict[str, PeoplesLabel]:
    """The labels by the keys of their cases.

    Raises:
        LabelError: one is about no case, about several, or about one that has a label already.
    """
    found: dict[str, PeoplesLabel] = {}
    for label in labels:
        keys = ended.get(label.case_id, ())
        if label.dataset_id is not None:
            keys = [key for key in keys if key == case_key(label.dataset_id, label.case_id)]
        if not keys:
            of_dataset = "" if label.dataset_id is None else f" of dataset {label.dataset_id!r}"
            detail = f"no case {label.case_id!r}{of_dataset} of the run has ended{nearest_hint(label.case_id, ended)}"
            raise LabelError(where=label.where, detail=detail)
        if len(keys) > 1:
            detail = f"several datasets have a case {label.case_id!r}; add its 'dataset_id'"
            raise LabelError(where=label.where, detail=detail)
        earlier = found.setdefault(keys[0], label)
        if earlier is not label:
            detail = f"case {label.case_id!r} has a label already, at {earlier.where}; a case has one label"
            raise LabelError(where=label.where, detail=detail)
    return found


def _on_scale(label: PeoplesLabel, scale: Scale | None, known: Mapping[str, str]) -> Verdict | str:
    """What a label says, in the words of the judge's verdicts: on no known scale, each text is a verdict.

    Raises:
        LabelError: it is not on the scale.
    """
    if scale is None:
        return known.get(key_of(str(label.label)), str(label.label))
    try:
        return scale.verdict_of(label.label)
    except VerdictOutsideScaleError:
        detail = f"the label {label.label!r} is not on the scale of the metric: {scale.described}"
        raise LabelError(where=label.where, detail=detail) from None


def _compared(people: Verdict | str, verdict: CaseVerdict, scale: Scale | None) -> Compared:
    judge = verdict.label or ""
    if isinstance(people, str) or scale is None:
        return Compared(str(people), judge, None, None, verdict.length)
    found = scale.verdict_of(judge)
    return Compared(people.label, found.label, people.worth, found.worth, verdict.length)


def _positive(
    given: Sequence[str], options: Sequence[str] | None, scale: Scale | None, known: Mapping[str, str]
) -> tuple[list[str], str]:
    """The verdicts that count as positive; or none, with the reason.

    Raises:
        InvalidArgumentError: one is not on the scale.
    """
    if given:
        try:
            return [
                known.get(key_of(name), name) if scale is None else scale.verdict_of(name).label for name in given
            ], ""
        except VerdictOutsideScaleError as error:
            raise InvalidArgumentError(
                argument="positive", detail=f"is not on the scale: {error.facts['scale']}"
            ) from None
    if options is not None and len(options) == _TWO:
        return [_best(options, scale)], ""
    return [], "the scale does not have two verdicts; name those that count as positive"


def _best(options: Sequence[str], scale: Scale | None) -> str:
    return max(options, key=scale.worth.__getitem__) if isinstance(scale, Labels) else options[0]
