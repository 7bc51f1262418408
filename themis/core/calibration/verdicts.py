"""Verdicts of a judged metric in a stored run, case by case, as they are compared with what people said."""

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from themis.core.judging.prompts import as_text
from themis.core.outcomes import codec
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import CaseResult
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.order_effects import Winner
from themis.core.stores import RunStore
from themis.core.stores.stored_cases import StoredCase, iter_cases
from themis.core.workflows import EvaluationExecution

_OF_PAIRS = {0: "A", 1: "B", None: "tie"}
"""The verdict on a pair by its winner: A is the first candidate, in whichever order both were shown."""


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """Verdict of a metric on a case, and the answers of its judges that tell how they judge.

    Attributes:
        case_id, dataset_id, case_key: the case.
        label: the verdict; None when there is none.
        reason: why there is none, as a category.
        length: characters of the answer; for a pair, those of the first less those of the second. None if not wanted.
        winners: of each pair, the winner in one order and in the other.
        repeats: the verdicts of each question that was asked several times.
    """

    case_id: str
    dataset_id: str
    case_key: str
    label: str | None = None
    reason: str | None = None
    length: float | None = None
    winners: list[tuple[Winner, Winner]] = field(default_factory=list)
    repeats: list[list[str]] = field(default_factory=list)


def verdicts_of(store: RunStore, snapshot: RunSnapshot, column: int, measured: Container[str]) -> Iterator[CaseVerdict]:
    """Yield the verdicts of a metric on the ended cases of a run, in order.

    Args:
        store: keeps the run.
        snapshot: the run.
        column: the metric's.
        measured: the keys of the cases whose lengths are wanted.
    """
    for case in iter_cases(store, snapshot):
        yield _verdict(case, column, is_measured=case.key in measured)


def _verdict(case: StoredCase, column: int, *, is_measured: bool) -> CaseVerdict:
    place: Any = {"case_id": case.end.case_id, "dataset_id": case.dataset_id, "case_key": case.key}
    outcome = next((o for o in case.outcomes if o.stage is Stage.JUDGE and o.item == column), None)
    execution = None if outcome is None else codec.to_execution(outcome)
    if outcome is None or execution is None:
        return CaseVerdict(**place, reason=_why_not_asked(outcome))
    details = codec.to_details(outcome) if outcome.ok else {}
    pairs = _pairs(details)
    label, reason = _label(outcome, execution, details, pairs)
    return CaseVerdict(
        **place,
        label=label,
        reason=reason,
        length=_length(case.result(), case.snapshot, column, pairs) if is_measured else None,
        winners=[pair["winners"] for pair in pairs],
        repeats=_repeats(execution),
    )


def _why_not_asked(outcome: Outcome | None) -> str:
    """The category of a case that no judge was asked about."""
    if outcome is None:
        return "not_judged"
    return outcome.category or "no_answer" if outcome.ok else codec.to_failure(outcome).category


def _pairs(details: dict[str, Any]) -> list[dict[str, Any]]:
    """The pairs that were judged in both orders, as the details of a score hold them; none of anything else."""
    found = details.get("pairs")
    pairs = [pair for pair in found if isinstance(pair, dict)] if isinstance(found, list) else []
    return [
        {**pair, "winners": tuple(pair["winners"])}
        for pair in pairs
        if isinstance(pair.get("winners"), list)
        and len(pair["winners"]) == 2  # noqa: PLR2004  # both orders
        and all(winner is None or winner in (0, 1) for winner in pair["winners"])
    ]


def _label(
    outcome: Outcome, execution: EvaluationExecution, details: dict[str, Any], pairs: list[dict[str, Any]]
) -> tuple[str | None, str | None]:
    """The verdict on the case, or why there is none: that on its pair, that of most judges, or the only one."""
    if not outcome.ok:
        return None, codec.to_failure(outcome).category
    if pairs:
        return (_OF_PAIRS[pairs[0].get("winner")], None) if len(pairs) == 1 else (None, "several_pairs")
    if isinstance(details.get("verdict"), str):
        return details["verdict"], None
    if len({call.dimension_id for call in execution.judge_calls}) > 1:
        return None, "several_criteria"
    labels = Counter(judgment.label for judgment in execution.parsed_judgments if judgment.label is not None)
    if not labels:
        return None, "no_verdict"
    first, *others = labels.most_common(2)
    return (None, "no_majority") if others and others[0][1] == first[1] else (first[0], None)


def _length(result: CaseResult, snapshot: RunSnapshot, column: int, pairs: list[dict[str, Any]]) -> float | None:
    if pairs:
        lengths = [len(as_text(candidate.final_output)) for candidate in result.generated_candidates]
        shown = pairs[0].get("candidates", [])
        if len(pairs) > 1 or len(shown) != 2 or max(shown) >= len(lengths):  # noqa: PLR2004  # a pair
            return None
        return float(lengths[shown[0]] - lengths[shown[1]])
    number = item_of(column).view
    view = result.views.get(snapshot.component_refs.numbered_views()[number][0]) if number else result
    parsed = None if view is None else view.parsed_output
    answer = None if parsed is None else parsed.value
    if answer is None and result.reduced_candidate is not None:
        answer = result.reduced_candidate.final_output
    return None if answer is None else float(len(as_text(answer)))


def _repeats(execution: EvaluationExecution) -> list[list[str]]:
    """The verdicts of each question that was asked with more than one repeat; a repaired call counts as repaired."""
    steps = () if execution.trace is None else execution.trace.steps
    said = {step.step_name: step.output.get("label") for step in steps if step.step_type == "judge_call"}
    found: dict[tuple[Any, ...], dict[int, str]] = {}
    for call in execution.judge_calls:
        label = said.get(call.call_id)
        if isinstance(label, str):
            question = (call.judge_model_id, call.dimension_id, *call.candidate_indices)
            found.setdefault(question, {})[call.repeat_index] = label
    return [list(labels.values()) for labels in found.values() if len(labels) > 1]
