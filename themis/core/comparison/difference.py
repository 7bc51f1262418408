"""The difference of two runs in one metric, as it is shown and handed on."""

from themis.core.base import FrozenModel


class PairedDifference(FrozenModel):
    """Two runs compared in one metric, over the cases that both have a score for.

    Attributes:
        pairs: number of these cases.
        wins, losses, ties: those in which the candidate scored more, less, the same.
        baseline_mean, candidate_mean: over these cases; None without any.
        mean_delta: the candidate's mean without the baseline's; None without pairs.
        standard_error: of `mean_delta`; None below two pairs or clusters.
        ci_lower, ci_upper: its 95 % interval; None as for `standard_error`.
        clusters: number of clusters of cases; None when all cases count as independent.
        test: name of the test that `p_value` is of.
        p_value: probability of a difference as great, if both were equally good; None without pairs.
        p_adjusted: the same, adjusted for the number of metrics compared.
        p_values: of each test, by its name.
        detectable_difference: the smallest true difference that so many pairs show with a probability of 80 %.
    """

    pairs: int
    wins: int
    losses: int
    ties: int
    baseline_mean: float | None = None
    candidate_mean: float | None = None
    mean_delta: float | None = None
    standard_error: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    clusters: int | None = None
    test: str | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    p_values: dict[str, float] | None = None
    detectable_difference: float | None = None
