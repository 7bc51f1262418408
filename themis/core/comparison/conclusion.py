"""The conclusion of a comparison, as a sentence."""

from themis.core.comparison.difference import PairedDifference
from themis.core.comparison.power import LEVEL


def conclusion(metric_id: str, found: PairedDifference, baseline: str, candidate: str) -> str:
    """Return a sentence on the comparison of two runs, which have these names, in a metric.

    A difference is called one when its p-value, adjusted for the number of metrics, is below 5 %.
    """
    if found.mean_delta is None:
        return f"{metric_id}: nothing follows; no case has a score in both runs."
    if found.p_adjusted is None or found.ci_lower is None or found.ci_upper is None:
        return f"{metric_id}: nothing follows; {found.pairs} pair of scores says nothing of how they vary."
    facts = (
        f"{found.mean_delta:+.4f}, 95 % interval {found.ci_lower:+.4f} to {found.ci_upper:+.4f}, "
        f"p = {_p_value(found.p_adjusted)}, {found.pairs:,} pairs"
    )
    if found.p_adjusted < LEVEL:
        better, worse = (candidate, baseline) if found.mean_delta > 0 else (baseline, candidate)
        return f"{metric_id}: {better} scores higher than {worse} ({facts})."
    least = ""
    if found.detectable_difference:  # 0 where no pair differs, which does not say how pairs vary
        least = f"; so many pairs would show a difference of {found.detectable_difference:.4f} four times out of five"
    return f"{metric_id}: no difference is shown ({facts}){least}."


def _p_value(value: float) -> str:
    return "less than 0.0001" if value < 0.0001 else f"{value:.4f}"  # noqa: PLR2004  # the last digit shown
