"""Request of a replay: from which stage on, and for which metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from themis.core.errors import InvalidArgumentError
from themis.core.identity.reuse_keys import reuse_keys, reuse_place
from themis.core.outcomes.items import item_of
from themis.core.outcomes.stages import UNTIL_STAGES, Stage
from themis.core.snapshot import RunSnapshot
from themis.core.text.canonical import content_hash
from themis.core.text.nearest import nearest_hint

REPLAY_STAGES: dict[str, Stage] = {
    "reduce": Stage.SELECT,
    "parse": Stage.PARSE,
    "score": Stage.SCORE,
    "judge": Stage.JUDGE,
}
"""Stages that a replay can begin with, by their public names; selection belongs to `reduce`."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The part of a run that a replay does again.

    Attributes:
        first: the first stage.
        metrics: columns of the metrics that are scored again, see `Item`; None for all.
    """

    first: Stage
    metrics: frozenset[int] | None = None

    def keeps(self, stage: Stage, item: int) -> bool:
        """Whether the outcomes of a stage's item stay as they are."""
        if stage < self.first:
            return True
        return stage >= Stage.SCORE and self.metrics is not None and item_of(item).column not in self.metrics

    def text(self, snapshot: RunSnapshot) -> str:
        """Return what an interrupted replay must share with this one: the stage, the metrics, and their code."""
        keys = {name: key for name, key in reuse_keys(snapshot).items() if not self.keeps(*reuse_place(name)[:2])}
        return content_hash([int(self.first), sorted(self.metrics or ()), keys])


def replay_request(snapshot: RunSnapshot, stage: str, metric_ids: Sequence[str] | None) -> ReplayRequest:
    """Return the request that users make with a stage's name and ids of metrics.

    Raises:
        InvalidArgumentError: the run has no such stage or metric, or the metrics cannot be scored without the others.
    """
    first = REPLAY_STAGES.get(stage)
    if first is None:
        raise _bad_stage(stage)
    if first is Stage.JUDGE and snapshot.last_stage < Stage.JUDGE:
        raise InvalidArgumentError(argument="stage", detail="no metric of this run asks a judge; replay from score")
    if first is Stage.SCORE and not snapshot.metric_ids:
        raise InvalidArgumentError(argument="stage", detail="this run has no metrics, so that there are no scores")
    if metric_ids is None:
        return ReplayRequest(first)
    positions = frozenset(_position(snapshot, metric_id) for metric_id in metric_ids)
    if not positions:
        raise InvalidArgumentError(argument="metric_ids", detail="names no metric; leave it out for all of them")
    if first < Stage.SCORE and len(positions) < len(snapshot.metric_ids):
        detail = (
            f"from {stage} on, the input of every metric may change, so that all are scored again; leave it out,"
            " or replay from score"
        )
        raise InvalidArgumentError(argument="metric_ids", detail=detail)
    return ReplayRequest(first, positions)


def _bad_stage(stage: str) -> InvalidArgumentError:
    if stage in UNTIL_STAGES:
        detail = 'a replay never generates; set runtime.existing_run_policy to "rerun" to ask the generator again'
        return InvalidArgumentError(argument="stage", detail=detail)
    names = ", ".join(REPLAY_STAGES)
    return InvalidArgumentError(
        argument="stage", detail=f"no stage {stage!r} to replay from ({names}){nearest_hint(stage, REPLAY_STAGES)}"
    )


def _position(snapshot: RunSnapshot, metric_id: str) -> int:
    known = snapshot.metric_ids
    if metric_id not in known:
        detail = f"no metric {metric_id!r} in this run{nearest_hint(metric_id, known)}"
        raise InvalidArgumentError(argument="metric_ids", detail=detail)
    return next(column for column, known_id in snapshot.metric_columns.items() if known_id == metric_id)
