"""Figures of a metric over a whole run that are not a mean of its cases, as a store keeps them."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from typing import Any, TypeVar

from themis.core.statistics.bootstrap import Figures, Reservoir, intervals
from themis.core.statistics.sample_figures import SampleFigures, read_sample_figures

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Figure over all scored cases of a run.

    Attributes:
        value: None when it is beyond all floats.
        ci_lower, ci_upper: 95 % interval by bootstrap over the cases; None without one.
    """

    value: float | None
    ci_lower: float | None = None
    ci_upper: float | None = None

    def document(self) -> dict[str, Any]:
        """The figure as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Figures of one metric.

    Attributes:
        figures: by name.
        rows: number of scores behind them.
        error: why there are none, when the metric failed; None when it did not.
        notes: texts by name that say how they were computed, such as the signature of a library.
        samples: figures over several samples of each case; None when candidates are not scored each.
    """

    figures: dict[str, Aggregate]
    rows: int
    error: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    samples: SampleFigures | None = None

    def text(self) -> str:
        """The figures as a store keeps them: JSON."""
        said = asdict(replace(self, samples=None))
        del said["samples"]
        if self.samples is not None:
            said["samples"] = self.samples.document()
        return json.dumps(said, allow_nan=False)


def aggregated(rows: Iterable[Row], figures: Callable[[Iterable[Row]], Figures], *, seed: int) -> Aggregates:
    """Return the figures of rows, which are iterated over once, with their intervals; none of no rows.

    Raises:
        ValueError: `figures` does not return numbers, and perhaps texts, by name.
        Exception: whatever it raises.
    """
    source = iter(rows)
    first = list(islice(source, 1))
    if not first:
        return Aggregates({}, 0)
    drawn = Reservoir(chain(first, source), seed)
    found, notes = _checked(figures(drawn))
    ends = intervals(drawn.kept, figures, found, total=drawn.count, seed=seed)
    values = {name: value if math.isfinite(value) else None for name, value in found.items()}
    with_ends = {name: Aggregate(value, *ends.get(name, ())) for name, value in values.items()}
    return Aggregates(with_ends, drawn.count, notes=notes)


def read(text: str) -> Aggregates:
    """Return figures from the text that a store keeps; what cannot be read has an error instead of figures."""
    try:
        document = json.loads(text)
        figures = {str(name): Aggregate(**one) for name, one in document["figures"].items()}
        notes = {str(name): str(text) for name, text in document.get("notes", {}).items()}
        samples = read_sample_figures(document["samples"]) if "samples" in document else None
        return Aggregates(figures, int(document["rows"]), document.get("error"), notes, samples)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Aggregates({}, 0, "what is stored cannot be read")


def _checked(found: Any) -> tuple[dict[str, float], dict[str, str]]:
    """Return the figures, and the texts that say how they were computed."""
    msg = "aggregate must return numbers by name, and may return texts about them"
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(value, int | float | str) and not isinstance(value, bool)
        for name, value in found.items()
    ):
        raise ValueError(msg)
    numbers = {name: float(value) for name, value in found.items() if not isinstance(value, str)}
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    if texts and not numbers:
        raise ValueError(msg)
    return numbers, texts
