"""Scales of the judged metrics of a run, from its live components."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from themis.core.engine.compiling.compiled import CompiledRun
    from themis.core.judging.scales import Scale


def scales_of(run: "CompiledRun") -> "Mapping[str, Scale]":
    """The scales of the metrics that have one of ours, by the ids under which the run shows them."""
    from themis.core.judging.scales import Flags, Labels, Numbers
    from themis.core.outcomes.items import Item

    found = {}
    for view in run.components.all_views():
        for number, metric in enumerate(view.metrics):
            scale = getattr(metric.live, "scale", None)
            if isinstance(scale, Labels | Numbers | Flags):
                found[run.snapshot.metric_columns[Item(number, view.number).column]] = scale
    return found
