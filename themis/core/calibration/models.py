"""Values of a calibration: each figure with its interval, or with the reason why it was not measured."""

from typing import Any

from pydantic import ConfigDict, Field

from themis.core.base import FrozenModel, JSONValue, as_json


class _Kept(FrozenModel):
    """A value that a store keeps: what a later version adds to it is not read."""

    model_config = ConfigDict(extra="ignore")


class Figure(_Kept):
    """A measured number.

    Attributes:
        value: None when it was not measured.
        ci_lower, ci_upper: its interval at 95 %; None when there is none.
        count: the number of cases that it is over.
        reason: why it was not measured.
    """

    value: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    count: int = 0
    reason: str | None = None

    @classmethod
    def measured(cls, value: float, interval: tuple[float, float] | None, count: int) -> "Figure":
        """Return a number with its interval, if it has one."""
        low, high = interval or (None, None)
        return cls(value=value, ci_lower=low, ci_upper=high, count=count)

    @classmethod
    def missing(cls, reason: str) -> "Figure":
        """Return that a number was not measured."""
        return cls(reason=reason)


class BaseRate(_Kept):
    """The share of the compared cases to which people, and the judge, give a verdict."""

    people: float
    judge: float


class PositionBias(_Kept):
    """Effects of the order in which a judge was shown two answers, over all judged cases.

    Attributes:
        first_shown_share: share of the verdicts without ties that are for the answer shown first; 0.5 is no bias.
        order_agreement: share of pairs with the same winner in both orders.
        order_kappa: Cohen's kappa between the winners in one order and in the other.
    """

    first_shown_share: Figure
    order_agreement: Figure
    order_kappa: Figure


class LengthCorrelation(_Kept):
    """Correlation of verdicts with the length of the answer in characters, over the compared cases.

    For verdicts on pairs it is that with the length of the first answer less that of the second.

    Attributes:
        point_biserial: Pearson's, for a scale of two verdicts.
        spearman: that of ranks.
    """

    point_biserial: Figure
    spearman: Figure


class LengthBias(_Kept):
    """That correlation for the judge's verdicts, and for those of people: a judge may find out what people prefer."""

    judge: LengthCorrelation
    people: LengthCorrelation


class Calibration(_Kept):
    """The verdicts of a judged metric compared with labels that people gave.

    Attributes:
        metric_id: the metric, as the run shows it.
        run_id: the run whose verdicts were compared.
        bound_to: the metric with its rubric and the judges with their models, by which other runs find this.
        created_ms: when, in milliseconds since 1970 UTC.
        labels_file, labels_sha256: the name of the file with the labels, and the hash of its content.
        labelled: number of labels.
        compared: number of labelled cases with a verdict; all figures but those of position and repeats are over them.
        without_verdict: number of the other labelled cases, by the reason.
        verdicts: the verdicts that occur, the best first where the scale has labels.
        positive: those that count as positive for the two rates; none when they were not measured.
        kappa: Cohen's kappa.
        agreement: share of cases on which both agree, which chance alone can make high.
        base_rates: by verdict.
        confusion: number of cases by the label of people and, inside, the verdict of the judge.
        true_positive_rate: share of the cases that people call positive which the judge calls so.
        true_negative_rate: share of the other cases which the judge does not call positive.
        rank_correlation: Spearman's, between what the label and the verdict are worth, for more than two verdicts.
        position_bias, length_bias: see there.
        self_consistency: share of equal verdicts among repeats of a question, in pairs, over all judged cases.
    """

    metric_id: str
    run_id: str
    bound_to: dict[str, JSONValue]
    created_ms: int
    labels_file: str
    labels_sha256: str
    labelled: int
    compared: int
    without_verdict: dict[str, int] = Field(default_factory=dict)
    verdicts: list[str] = Field(default_factory=list)
    positive: list[str] = Field(default_factory=list)
    kappa: Figure
    agreement: Figure
    base_rates: dict[str, BaseRate] = Field(default_factory=dict)
    confusion: dict[str, dict[str, int]] = Field(default_factory=dict)
    true_positive_rate: Figure
    true_negative_rate: Figure
    rank_correlation: Figure
    position_bias: PositionBias
    length_bias: LengthBias
    self_consistency: Figure

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return as_json(self)
