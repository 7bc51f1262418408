"""Opening of the judging of a run: what its pipeline needs to ask judges."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.one_evaluation import CaseEvaluation
from themis.core.engine.cases.pipeline import Parts
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.judging.asking import Asking
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot


class Judging(NamedTuple):
    """Functions that ask the judges of a run; both are None in a run without judges.

    Attributes:
        of_selector: makes the judges that the selector gets for a case.
        of_case: asks the judges of a case's metrics; None too where the run ends before they are asked.
    """

    of_selector: Callable[[CaseWork], list[Any]] | None = None
    of_case: Callable[[CaseEvaluation], Awaitable[None]] | None = None


def judging_of(
    snapshot: RunSnapshot, parts: Parts, runner: StageRunner, calls: SyncCalls, asking: Asking, until: Stage
) -> Judging:
    """Return what asks the judges of a run that goes through `until`; for the others see `Judges` and `CaseJudging`."""
    if not parts.judges:
        return Judging()
    from themis.core.engine.judging.case_judging import CaseJudging  # noqa: PLC0415  # most runs have no judges
    from themis.core.engine.judging.judges import Judges  # noqa: PLC0415
    from themis.core.engine.judging.selection import judges_of_selector  # noqa: PLC0415

    judges = Judges(parts.judges, runner, asking)
    of_selector = judges_of_selector(snapshot, judges)
    if until < Stage.JUDGE:
        return Judging(of_selector)
    return Judging(of_selector, CaseJudging(snapshot, parts.views[0].metrics, judges, runner, calls).judge)
