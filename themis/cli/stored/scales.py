"""Scales of the judged metrics of a run, from its live components."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from themis.core.engine.compiling.compiled import CompiledRun
    from themis.core.judging.scales import Scale
    from themis.core.snapshot import RunSnapshot


def scales_of(run: "CompiledRun") -> "Mapping[str, Scale]":
    """The scales of the metrics that have one of ours, by the ids under which the run shows them."""
    metrics = (
        (view.number, number, metric.live)
        for view in run.components.all_views()
        for number, metric in enumerate(view.metrics)
    )
    return _scales(metrics, run.snapshot)


def stored_scales(snapshot: "RunSnapshot") -> "Mapping[str, Scale]":
    """The same of a stored run: only its metrics are loaded, neither its model nor the judges with their secrets.

    Raises:
        ComponentError: a metric cannot be loaded here.
    """
    from themis.cli.terminal.component_output import expect_components
    from themis.core.components.resolution import METRIC, load_component, make_importable

    expect_components()
    make_importable(Path.cwd())
    refs = snapshot.component_refs
    views = [(0, refs.metrics), *((number, view.metrics) for number, (_, view) in refs.numbered_views().items())]
    metrics = (
        (view, number, load_component(ref.target, METRIC, where=ref.component_id).live)
        for view, of_view in views
        for number, ref in enumerate(of_view)
        if ref.target is not None  # a live object of another process; its scale is unknown
    )
    return _scales(metrics, snapshot)


def _scales(metrics: "Iterable[tuple[int, int, object]]", snapshot: "RunSnapshot") -> "Mapping[str, Scale]":
    from themis.core.judging.scales import Flags, Labels, Numbers
    from themis.core.outcomes.items import Item

    found = {}
    for view, number, live in metrics:
        scale = getattr(live, "scale", None)
        if isinstance(scale, Labels | Numbers | Flags):
            found[snapshot.metric_columns[Item(number, view).column]] = scale
    return found
