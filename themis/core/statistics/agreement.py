"""Agreement of raters: raw, and beyond what chance would give, and how often the majority of them is right."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, NamedTuple

_PAIR = 2


class CohensKappa(NamedTuple):
    """Agreement of two raters beyond chance.

    Attributes:
        kappa: 1 for full agreement, 0 for that of chance; None when chance alone agrees always.
        observed: share of items on which both agree.
        expected: share on which they would agree by chance, from how often each uses each label.
        base_rates: for each label, the share of items to which the first and the second rater give it. Where one label
            is by far the most frequent, a low kappa stands beside a high observed agreement.
    """

    kappa: float | None
    observed: float
    expected: float
    base_rates: dict[Hashable, tuple[float, float]]


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> CohensKappa | None:
    """Return Cohen's kappa of the labels that two raters gave to the same items, in order; None without items.

    kappa = (p_o - p_e) / (1 - p_e), with p_o the observed agreement and p_e the sum over labels of the product of both
    base rates. Source: Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological
    Measurement 20 (1960).
    """
    items = len(first)
    if not items:
        return None
    agreed = sum(one == other for one, other in zip(first, second, strict=True))
    ours, theirs = Counter(first), Counter(second)
    # In whole numbers until the end, so that equal tables give equal figures.
    by_chance = sum(count * theirs[label] for label, count in ours.items())
    labels = sorted(ours.keys() | theirs.keys(), key=repr)
    rates = {label: (ours[label] / items, theirs[label] / items) for label in labels}
    room = items * items - by_chance
    kappa = (agreed * items - by_chance) / room if room else None
    return CohensKappa(kappa, agreed / items, by_chance / (items * items), rates)


def raw_agreement(items: Iterable[Sequence[Hashable]]) -> float | None:
    """Return the share of pairs of raters that agree on an item, as the mean over items with two labels or more.

    None when there is no such item.
    """
    shares = [_pairs_agreeing(Counter(labels)) for labels in items if len(labels) >= _PAIR]
    return math.fsum(shares) / len(shares) if shares else None


def _pairs_agreeing(counts: Counter[Hashable]) -> float:
    raters = counts.total()
    return sum(count * (count - 1) for count in counts.values()) / (raters * (raters - 1))


def fleiss_kappa(items: Sequence[Sequence[Hashable]]) -> float | None:
    """Return Fleiss' kappa of items that were labelled by equally many raters, two or more.

    kappa = (P - P_e) / (1 - P_e), with P the mean share of agreeing pairs, and P_e the sum of the squared shares of the
    labels. None without items, or when all labels are the same. Source: Fleiss, "Measuring Nominal Scale Agreement
    among Many Raters", Psychological Bulletin 76 (1971).

    Raises:
        ValueError: items have different numbers of labels, or fewer than two.
    """
    sizes = {len(labels) for labels in items}
    if not sizes:
        return None
    if len(sizes) > 1 or min(sizes) < _PAIR:
        msg = "Fleiss' kappa needs the same number of labels for each item, two or more"
        raise ValueError(msg)
    agreement = raw_agreement(items)
    all_labels = Counter(label for labels in items for label in labels)
    chance = math.fsum((count / all_labels.total()) ** 2 for count in all_labels.values())
    return None if agreement is None or len(all_labels) == 1 else (agreement - chance) / (1 - chance)


def krippendorffs_alpha(
    items: Iterable[Sequence[float]], level: Literal["nominal", "interval"] = "nominal"
) -> float | None:
    """Return Krippendorff's alpha: agreement beyond chance of any number of raters, of whom some may be missing.

    alpha = 1 - D_o / D_e, with D_o the mean disagreement inside items, and D_e that of all values together. Two values
    disagree by 1 when they differ (`nominal`), or by the square of their difference (`interval`). Items with fewer than
    two values do not count. None when no values can be compared, or all are the same.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).
    """
    disagreement = _squares if level == "interval" else _differences
    units = [values for values in items if len(values) >= _PAIR]
    together = [value for values in units for value in values]
    expected = disagreement(together)
    if not expected:
        return None
    inside = math.fsum(disagreement(values) / (len(values) - 1) for values in units)
    return 1 - (len(together) - 1) * inside / expected


def _differences(values: Sequence[float]) -> float:
    """Return the number of ordered pairs of values that differ."""
    return len(values) ** 2 - sum(count * count for count in Counter(values).values())


def _squares(values: Sequence[float]) -> float:
    """Return the sum of squared differences over all ordered pairs of values."""
    if not values:
        return 0.0
    mean = math.fsum(values) / len(values)
    return 2 * len(values) * math.fsum((value - mean) ** 2 for value in values)


def majority_accuracy(votes: Iterable[Sequence[Hashable]], right: Iterable[Hashable]) -> float | None:
    """Return the share of items whose most frequent vote is the right label; a tie is not right. None without items."""
    hits = [_majority(labels) == label for labels, label in zip(votes, right, strict=True)]
    return sum(hits) / len(hits) if hits else None


def _majority(labels: Sequence[Hashable]) -> Hashable | None:
    first, *others = Counter(labels).most_common(2) or [(None, 0)]
    return None if others and others[0][1] == first[1] else first[0]
