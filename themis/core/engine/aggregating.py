"""Figures of metrics over a whole run, not means: computed from its stored scores when it ends, and stored."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from themis.core.base import JSONValue
from themis.core.components.metric_families import PURE, family_of
from themis.core.config import RuntimeConfig
from themis.core.engine.calls.call_thread import make_call
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.cases.branches import LoadedView
from themis.core.engine.cases.no_answer import can_count_no_answer
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.component_failures import line_of
from themis.core.engine.samples import Ballot, samples_of
from themis.core.errors import ThemisError
from themis.core.models import Score
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import SCORING, Stage
from themis.core.snapshot import seed_of
from themis.core.statistics.aggregates import Aggregates, aggregated
from themis.core.statistics.sample_estimators import sample_figures
from themis.core.statistics.sample_figures import SampleFigures
from themis.core.statistics.score_tally import NO_ANSWER
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore
from themis.core.text.ballots import ballot_of

logger = logging.getLogger("themis.engine")

_COUNTED = (None, codec.EVALUATION_PARTIAL_FAILURE)
"""Categories of the scores that a metric itself gave."""

_PAGE = 500
"""Cases whose outcomes are read together."""


async def aggregate(run: CompiledRun, store: RunStore, runtime: RuntimeConfig, fence: Fence | None) -> None:
    """Store the figures of each metric that has a method `aggregate`, and of each whose candidates are scored each.

    A metric that fails is stored with its error.
    """
    calls = SyncCalls(runtime)
    run_id = run.snapshot.run_id
    try:
        for view in run.components.all_views():
            for item, metric in view.columns().items():
                is_asked = callable(getattr(metric.live, "aggregate", None))
                has_samples = run.snapshot.scores_each and family_of(metric.live) == PURE
                if not is_asked and not has_samples:
                    continue
                thread = calls.thread_of(metric.live, Stage.SCORE)
                found = await make_call(thread, _figures, run, store, metric, item) if is_asked else Aggregates({}, 0)
                if has_samples:
                    samples = await make_call(thread, _sample_figures, run, store, view, item)
                    found = replace(found, samples=samples)
                if found.error is not None:
                    name = metric.ref.component_id
                    logger.warning("run %s: metric %s: aggregate: %s", run_id[:16], name, found.error)
                store.put_aggregate(run_id, item, found.text(), fence=fence)
    finally:
        calls.close()


def _sample_figures(run: CompiledRun, store: RunStore, view: LoadedView, item: int) -> SampleFigures:
    """Return the figures over the samples of each case; called in the thread of the components."""
    cases = samples_of(store, run.snapshot, item, _ballot_by(view))
    return sample_figures((of_case for _, of_case in cases), run.snapshot.candidate_count)


def _ballot_by(view: LoadedView) -> Ballot:
    """Return the rule for when two parsed values are the same answer: the parser's own, if it has one."""
    own = getattr(view.parsers[0].live, "ballot", None) if view.parsers else None
    if not callable(own):
        return ballot_of

    def ballot(value: JSONValue) -> str:
        try:
            return str(own(value))
        except Exception:  # noqa: BLE001  # an error of a component is data
            return ballot_of(value)

    return ballot


def _figures(run: CompiledRun, store: RunStore, metric: Any, item: int) -> Aggregates:
    """Return the figures of a metric; called in the thread of the components."""
    seed = seed_of([run.snapshot.run_id, metric.ref.component_id])
    try:
        return aggregated(_scores(run, store, metric.live, item), metric.live.aggregate, seed=seed)
    except ThemisError:
        raise  # the store cannot be read
    except Exception as error:  # noqa: BLE001  # an error of a component is data
        return Aggregates({}, 0, line_of(error))


def _scores(run: CompiledRun, store: RunStore, metric: Any, item: int) -> Iterator[Score]:
    """Yield the scores of a metric, in the order of the cases; of those for no answer the ones with statistics."""
    snapshot = run.snapshot
    metric_id = snapshot.metric_columns[item]
    counts_no_answer = can_count_no_answer(metric, snapshot.identity.on_no_answer)
    for first in range(0, snapshot.total_cases, _PAGE):
        for outcome in store.outcomes_between(snapshot.run_id, first, first + _PAGE):
            if outcome.stage not in SCORING or outcome.item != item or not outcome.ok:
                continue
            if outcome.category in _COUNTED or (counts_no_answer and _has_statistics(outcome)):
                score = codec.to_score(outcome, metric_id)
                if score is not None:
                    yield score


def _has_statistics(outcome: Outcome) -> bool:
    """Whether a score stands for no answer, and has the statistics that its metric gave for it."""
    return outcome.category == NO_ANSWER and outcome.body != codec.EMPTY
