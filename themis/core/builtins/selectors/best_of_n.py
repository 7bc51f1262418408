"""Selector that has a judge pick the best candidate."""

import random
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.builtins.judged.judged_metric import check_text
from themis.core.contexts import SelectContext
from themis.core.errors import InvalidArgumentError, JudgmentError, NoJudgeError, UnknownJudgeError
from themis.core.judging.markers import Brackets, find_verdict
from themis.core.judging.prompts import as_text
from themis.core.judging.scales import Labels
from themis.core.judging.workflow import prompt_of, what_was_wrong
from themis.core.models import GenerationResult
from themis.core.text.nearest import nearest_hint

_MOST_CANDIDATES = 100

_PICK = (
    "You pick the best of several answers to the same question by this rubric, and by nothing else:\n\n{rubric}\n\n"
    "Their order, their length and their style mean nothing unless the rubric says so. Your verdict is the number of "
    "the best answer."
)
_RUBRIC = "The best answer is the one that is right, and that does what was asked."


class BestOfN(BuiltinComponent):
    """Keeps the candidate that a judge picks, and asks no judge about a single one.

    The judge sees all candidates at once, in an order that the case decides, so that no place is favoured over a run.
    It is asked once more when its response names none of them.
    """

    component_id = "builtin/best_of_n"

    def __init__(self, rubric: str | None = None, judge: str | None = None) -> None:
        """Have a judge pick by a rubric.

        Args:
            rubric: what makes an answer the best; None for being right and doing what was asked.
            judge: the judge among several, by the id under which the experiment names it; else the first.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        check_text("rubric", rubric)
        check_text("judge", judge)
        self._rubric, self._judge = rubric, judge

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The constructor's arguments."""
        return {"rubric": self._rubric, "judge": self._judge}

    async def select(self, candidates: list[GenerationResult], ctx: SelectContext) -> list[GenerationResult]:
        """Return the best of `candidates`, alone.

        Raises:
            NoJudgeError, UnknownJudgeError: there is no such judge.
            JudgmentError: the judge named none of the candidates, twice.
            InvalidArgumentError: there are more candidates than a judge can compare.
        """
        if len(candidates) == 1:
            return candidates
        if len(candidates) > _MOST_CANDIDATES:
            detail = f"{self.component_id} compares at most {_MOST_CANDIDATES} at once, not {len(candidates)}"
            raise InvalidArgumentError(argument="candidates", detail=detail)
        judge = self._judge_of(ctx)
        order = list(range(len(candidates)))
        random.Random(ctx.case_key or ctx.case_id).shuffle(order)  # noqa: S311  # no secret
        material: dict[str, JSONValue] = {"question": ctx.metadata["input"]} if "input" in ctx.metadata else {}
        for number, index in enumerate(order, start=1):
            material[f"answer-{number}"] = candidates[index].final_output
        scale = Labels(dict.fromkeys(map(str, range(1, len(order) + 1)), 1.0))
        chosen = await self._verdict(judge, material, scale)
        return [candidates[order[int(chosen) - 1]]]

    def _judge_of(self, ctx: SelectContext) -> Any:
        if not ctx.judge_models:
            raise NoJudgeError(component=self.component_id)
        known = {judge.component_id: judge for judge in ctx.judge_models}
        if self._judge is not None and self._judge not in known:
            raise UnknownJudgeError(judge=self._judge, nearest=nearest_hint(self._judge, known))
        return ctx.judge_models[0] if self._judge is None else known[self._judge]

    async def _verdict(self, judge: Any, material: dict[str, JSONValue], scale: Labels) -> str:
        task = _PICK.format(rubric=self._rubric or _RUBRIC)
        response = await judge.judge(prompt_of(task, material, scale, Brackets()))
        try:
            return find_verdict(as_text(response.raw_response), scale, Brackets()).label
        except JudgmentError as error:
            wrong = what_was_wrong(response, error)
        response = await judge.judge(prompt_of(task, material, scale, Brackets(), wrong))
        return find_verdict(as_text(response.raw_response), scale, Brackets()).label
