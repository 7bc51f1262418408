"""Figures of the agreement of judges, from the details of scores."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from themis.core.statistics.agreement import krippendorffs_alpha, raw_agreement


def agreement_of(labels: Sequence[str | None]) -> float | None:
    """Return the share of pairs of judges that gave one answer the same verdict; None with fewer than two."""
    return raw_agreement([labels])


def agreement_figures(details: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return `raw_agreement` and `krippendorff_alpha` over the answers of a run; those that nothing is known of lack.

    Args:
        details: of the scores; their `verdicts` hold each judge's `verdict` and what it is `worth`. Alpha compares the
            latter as numbers (level interval), so that a near miss counts less than a far one.
    """
    verdicts = [one["verdicts"] for one in details if "verdicts" in one]
    labels = [[str(verdict["verdict"]) for verdict in item] for item in verdicts]
    worths = [[float(verdict["worth"]) for verdict in item] for item in verdicts]
    found = {"raw_agreement": raw_agreement(labels), "krippendorff_alpha": krippendorffs_alpha(worths, "interval")}
    return {name: value for name, value in found.items() if value is not None}
