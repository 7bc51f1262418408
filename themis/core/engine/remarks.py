"""Remarks on what a run leaves out or does not use, which may not have been meant."""

import logging

from themis.core.config import RuntimeConfig
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.limits import idle_limits
from themis.core.outcomes.stages import Stage

logger = logging.getLogger("themis.engine")


def remark_on_candidates(run: CompiledRun, until: Stage) -> None:
    """Warn when most of the candidates are not scored."""
    count = run.snapshot.candidate_count
    is_first_alone = run.components.reducer is None and not run.snapshot.scores_each
    if count > 1 and is_first_alone and until > Stage.GENERATE:
        logger.warning(
            "run %s: %d candidates per case and no reducer: only the first%s is scored, the others are stored; set"
            " generation.reducer, such as builtin/majority_vote, to combine them, or"
            " evaluation.score_candidates: each",
            run.snapshot.run_id[:16],
            count,
            "" if run.components.selector is None else " that the selector keeps",
        )


def remark_on_idle_limits(run: CompiledRun, runtime: RuntimeConfig) -> None:
    """Warn of limits that limit nothing, as the run does not ask their provider."""
    for text in idle_limits(runtime, run.components.providers):
        logger.warning("%s", text)
