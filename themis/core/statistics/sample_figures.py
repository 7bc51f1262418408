"""Figures over several samples of each case, as a store keeps them and reports show them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

AT_K = ("pass_at_k", "pass_hat_k", "majority_at_k", "best_of_k")
"""Names of the figures over k samples."""

_SHOWN = {"pass_at_k": "pass@{}", "pass_hat_k": "pass^{}", "majority_at_k": "majority@{}", "best_of_k": "best of {}"}
_SHOWN_STEPS = (1, 2, 5)


class Figure(NamedTuple):
    """A mean over cases, with its 95 % interval; a bound is None below two cases, or beyond all floats."""

    value: float
    ci_lower: float | None = None
    ci_upper: float | None = None


@dataclass(frozen=True, slots=True)
class SampleFigures:
    """A metric over several samples of each case.

    Attributes:
        n: number of candidates of a case.
        scored: number of samples with a score, over all cases.
        average: mean over the cases of a case's mean score; None without any score.
        at_k: for each name of `AT_K` the figures by k, from 1: those k for which a case has k scored samples.
        cases_at_k: number of cases with at least k scored samples, by k: those that the figures at k are over.
    """

    n: int
    scored: int = 0
    average: Figure | None = None
    at_k: Mapping[str, Mapping[int, Figure]] = field(default_factory=dict)
    cases_at_k: Mapping[int, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The figures as JSON: values by name and k, and their intervals beside them in the same shape."""
        said: dict[str, Any] = {"n": self.n, "scored": self.scored, "average": self.average and self.average.value}
        said |= {name: {str(k): found.value for k, found in by_k.items()} for name, by_k in self.at_k.items()}
        said["cases_at_k"] = {str(k): cases for k, cases in self.cases_at_k.items()}
        said["intervals"] = {"average": self.average and list(self.average[1:])} | {
            name: {str(k): list(found[1:]) for k, found in by_k.items()} for name, by_k in self.at_k.items()
        }
        return said

    def rows(self) -> list[tuple[str, Figure]]:
        """The figures for people, each with its name: of many k only 1, 2, 5, 10, 20, 50, … and the last."""
        found = [] if self.average is None else [(f"average of {self.n}", self.average)]
        for name in AT_K:
            by_k = self.at_k.get(name, {})
            if name == "best_of_k" and by_k == self.at_k.get("pass_at_k"):
                continue  # scores of 0 and 1: the best is 1 where one passes
            # At 1 all are the same.
            found += [(_SHOWN[name].format(k), by_k[k]) for k in _shown(list(by_k)) if k > 1 or name == AT_K[0]]
        return found


def read_sample_figures(document: Mapping[str, Any]) -> SampleFigures:
    """Return the figures from their JSON.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: they have another shape.
    """
    ends = document["intervals"]
    average = document["average"]
    return SampleFigures(
        n=int(document["n"]),
        scored=int(document["scored"]),
        average=None if average is None else Figure(float(average), *ends["average"]),
        at_k={
            name: {int(k): Figure(float(value), *ends[name][k]) for k, value in document[name].items()} for name in AT_K
        },
        cases_at_k={int(k): int(cases) for k, cases in document["cases_at_k"].items()},
    )


def _shown(ks: list[int]) -> list[int]:
    last = max(ks, default=0)
    digits = int(math.log10(last)) + 1 if last else 0
    steps = {step * 10**power for power in range(digits) for step in _SHOWN_STEPS}
    return [k for k in ks if k in steps or k == last]
