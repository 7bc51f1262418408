"""Cases that show a difference, for `themis estimate --detect`: by earlier runs, or by an assumption."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from themis.cli.stored.run_names import places_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from themis.core.comparison.detection import Spread
    from themis.core.experiment import Experiment
    from themis.core.stores.reading import StoreLocation


class Earlier(NamedTuple):
    """Two stored runs that say how much the scores of a case differ.

    Attributes:
        names: the runs, as `places_of` takes them; None for no runs.
        store: the store of the runs that ids name.
        config: the config file whose store has them, when nothing else says it.
    """

    names: tuple[str, str] | None
    store: "StoreLocation | None"
    config: Path


def detected(experiment: "Experiment", difference: float, earlier: Earlier) -> dict[str, Any]:
    """Return what an experiment's cases show in each of its metrics, with a sentence each.

    Args:
        experiment: the one that would be run.
        difference: the difference of means to find, more than 0.
        earlier: where it is looked up how much pairs of scores vary.

    Raises:
        UnknownRunError: an earlier run is not stored.
    """
    from themis.core.comparison.detection import detection, sized
    from themis.core.comparison.power import LEVEL, POWER

    snapshot = experiment.compile()
    spread_of = _spread(earlier)
    found = {
        name: detection(difference, snapshot.total_cases, spread_of(name)) for name in snapshot.metric_columns.values()
    }
    alike = [(one, [name for name in found if found[name] == one]) for one in dict.fromkeys(found.values())]
    return {
        "difference": difference,
        "level": LEVEL,
        "power": POWER,
        "cases": snapshot.total_cases,
        "metrics": {name: one.model_dump(mode="json", exclude={"difference", "cases"}) for name, one in found.items()},
        "conclusions": [sized(", ".join(names), one) for one, names in alike],
    }


def _spread(earlier: Earlier) -> "Callable[[str], Spread]":
    """The function that returns how much the pairs of a metric vary."""
    from themis.core.comparison.detection import assumed_spread, measured_spread
    from themis.core.comparison.scores import RunScores

    if not earlier.names:
        return lambda _: assumed_spread()
    with ExitStack() as stack:
        places = places_of(stack, earlier.names, earlier.store, earlier.config)
        baseline, candidate = (RunScores.read(place.store, place.run_id) for place in places)
    return lambda metric_id: measured_spread(baseline, candidate, metric_id)
