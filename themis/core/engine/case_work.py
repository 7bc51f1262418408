"""One case on its way through the stages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from themis.core.models import Case, GenerationResult
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import SnapshotDataset
from themis.core.stores.judge_call_rows import JudgeCallRow


@dataclass(slots=True)
class CaseWork:
    """A case, its position in the run, and its outcomes so far.

    Attributes:
        case_no, dataset_no: positions in the run.
        case_key: distinguishes equal case ids of two datasets.
        left_out: the end of its answer, if answers that end so are not scored.
        candidates: the generated ones, if a metric asks a judge about them.
        judge_calls: earlier responses of judges, by item and call.
        stored: earlier outcomes by stage and item, which are not made again. A run keeps those that succeeded; a replay
            keeps failures too, of what it does not repeat.
    """

    case_no: int
    dataset_no: int
    case: Case
    digest: bytes
    dataset: SnapshotDataset
    case_key: str
    left_out: AnswerEnd | None = None
    candidates: list[GenerationResult] | None = None
    judge_calls: Mapping[tuple[int, str], JudgeCallRow] | None = None
    stored: dict[tuple[Stage, int], Outcome] = field(default_factory=dict)

    def is_answered(self, candidates: int) -> bool:
        """Whether all of so many candidates were generated before."""
        return all((Stage.GENERATE, item) in self.stored for item in range(candidates))

    def end(self, through: Stage, *, failed: bool) -> CaseEnd:
        """The end of the case at the stage `through`."""
        return CaseEnd(self.case_no, self.dataset_no, self.case.case_id, self.digest, failed, through)
