"""Views of a run: the components by which the same answers are read and scored in several ways."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from themis.core.components.metric_families import PURE, family_of
from themis.core.components.resolution import METRIC, PARSER, Kind, LoadedComponent
from themis.core.config import ViewConfig
from themis.core.engine.cases.branches import LoadedView
from themis.core.errors import ConfigError
from themis.core.outcomes.items import id_in_view

Load = Callable[[object, Kind, str], LoadedComponent]


def load_views(views: Mapping[str, ViewConfig], load: Load, taken: AbstractSet[str]) -> tuple[LoadedView, ...]:
    """Load the components of each view; they are numbered from 1 in the order of their names.

    Args:
        views: by name.
        load: loads a component.
        taken: ids of metrics outside of views.

    Raises:
        ComponentError: one cannot be loaded, or is of the wrong kind.
        ConfigError: two metrics would have the same id, or one asks a judge.
    """
    found: list[LoadedView] = []
    known = set(taken)
    for number, (name, view) in enumerate(sorted(views.items()), 1):
        found.append(_load_view(name, number, view, load))
        for metric in found[-1].metrics:
            where = f"evaluation.views.{name}.metrics"
            metric_id = id_in_view(name, metric.ref.component_id)
            if family_of(metric.live) != PURE:
                detail = f"metric {metric.ref.component_id!r} asks a judge; name it in evaluation.metrics"
                raise ConfigError(where=where, detail=detail)
            if metric_id in known:
                raise ConfigError(where=where, detail=f"there are two metrics {metric_id!r}")
            known.add(metric_id)
    return tuple(found)


def _load_view(name: str, number: int, view: ViewConfig, load: Load) -> LoadedView:
    where = f"evaluation.views.{name}"
    parsers = [load(spec, PARSER, f"{where}.parsers.{no}") for no, spec in enumerate(view.parsers)]
    metrics = [load(spec, METRIC, f"{where}.metrics.{no}") for no, spec in enumerate(view.metrics)]
    return LoadedView(name, number, tuple(parsers), tuple(metrics))
