"""Judges for a selector: their calls go through the same gates and are kept like those of a metric."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from themis.core.components.references import ComponentRef
from themis.core.engine.case_work import CaseWork
from themis.core.engine.judging.judges import Judges, Question
from themis.core.identity.derived_seeds import judge_seed
from themis.core.snapshot import RunSnapshot
from themis.core.stores.judge_call_rows import SELECTION
from themis.core.text.canonical import content_hash
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt

_SELECTOR = "selector"


def judges_of_selector(snapshot: RunSnapshot, judges: Judges) -> Callable[[CaseWork], list[Any]]:
    """Return what makes the judges of a case for the selector of a run."""

    def judges_of(work: CaseWork) -> list[Any]:
        seed = judge_seed(snapshot, work.dataset.dataset_id, work.case.case_id, _SELECTOR)
        asked: Counter[str] = Counter()
        return [SelectorsJudge(judges, ref, work, seed, asked) for ref in judges.refs]

    return judges_of


class SelectorsJudge:
    """A judge as a selector gets it for one case.

    Attributes:
        component_id: the id under which the experiment names it.
        version: as the judge gives it.
    """

    def __init__(self, judges: Judges, ref: ComponentRef, work: CaseWork, seed: int, asked: Counter[str]) -> None:
        """The judge `ref` of `judges`; `asked` counts the equal questions that the case's selector asked before."""
        self.component_id = ref.component_id
        self.version = ref.version
        self._fingerprint = ref.fingerprint
        self._judges = judges
        self._work = work
        self._seed = seed
        self._asked = asked

    def fingerprint(self) -> str:
        """Return the judge's."""
        return self._fingerprint

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        """Respond to `prompt`; an equal prompt with an equal seed is another question each time.

        Raises:
            Exception: the last failure of the judge.
        """
        seed = self._seed if seed is None else seed
        said = content_hash([self.component_id, prompt.content, seed])
        repeat = self._asked[said]
        self._asked[said] += 1
        call_id = f"{said[:32]}/{repeat}"
        question = Question(self._work, SELECTION, call_id, self.component_id, prompt, seed, repeat)
        return (await self._judges.answer(question, [])).response
