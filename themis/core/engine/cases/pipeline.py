"""One case through its stages: stored outcomes are used, and missing ones are run.

The asynchronous stages are run here, one after the other; the synchronous ones are only listed (`parts`).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from themis.core.components.asked_model import provider_of
from themis.core.components.metric_families import LLM, PURE, family_of
from themis.core.components.pass_through import first_candidate
from themis.core.components.resolution import LoadedComponent
from themis.core.config import OnNoAnswer
from themis.core.contexts import GenerateContext, ReduceContext, SelectContext
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.branches import Answers, EvaluationRules, LoadedView, branches_of
from themis.core.engine.cases.continuations import ContinuationCalls, continuation_step
from themis.core.engine.cases.prompted import Prepare, keeping_prompt, preparation_of
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import Step
from themis.core.models import GenerationResult, ReducedCandidate
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd, answer_end
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.media_parts import MediaFinder
from themis.core.prompts import PromptSpec

Candidates = Sequence[GenerationResult | None]
"""The candidates of a case by index; None for each that failed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The live components of a run, and the values of their contexts.

    Attributes:
        views: the ways to read and score an answer, those outside of views as the first.
        scores_each: whether every candidate is scored, beside the reduced one.
        seeds: one per candidate, for each dataset.
        on_no_answer: how a case is scored whose parsed value is None.
        left_out: ends of answers that are not scored.
        seeds_are_given: whether the experiment gives the seeds; else they are derived.
        prompt: templates over a case; None when the generator gets the case as it is.
        finder: finds the files that the prompt names.
        continuation: template of the continuations that the generator is asked about; None when it answers.
        judges: those of the metrics and of the selector.
    """

    run_id: str
    generator: LoadedComponent
    selector: LoadedComponent | None
    reducer: LoadedComponent | None
    views: tuple[LoadedView, ...]
    scores_each: bool
    seeds: tuple[tuple[int, ...], ...]
    prompt_spec: PromptSpec | None
    on_no_answer: OnNoAnswer = "incorrect"
    left_out: frozenset[AnswerEnd] = frozenset()
    seeds_are_given: bool = False
    prompt: RunPrompt | None = None
    finder: MediaFinder | None = None
    continuation: str | None = None
    judges: tuple[LoadedComponent, ...] = ()


class CasePipeline:
    """Takes cases through the stages up to and including `until`.

    Attributes:
        branches: the synchronous stages of each answer.
        is_branching: whether a case has other answers than the reduced one, or several views of it.
        answer_of: `answers` if each candidate is scored, else `answer`.
    """

    def __init__(
        self, parts: Parts, runner: StageRunner, until: Stage, judges_of: Callable[[CaseWork], list[Any]] | None = None
    ) -> None:
        """Use the components `parts`; each stage is run by `runner`, and `judges_of` makes a selector's judges."""
        self._parts = parts
        self._runner = runner
        self.until = until
        self._reduces, self._evaluates = until >= Stage.REDUCE, until >= Stage.PARSE
        self._generate_steps = _generate_steps(parts)
        self._judges_of = judges_of
        self._select_step = _select_step(parts.selector.live, is_gated=judges_of is None) if parts.selector else None
        self._reduce_step = _reduce_step(parts.reducer.live) if parts.reducer else None
        rules = EvaluationRules(parts.run_id, parts.seeds, parts.on_no_answer)
        each = len(self._generate_steps) if parts.scores_each else 0
        self.branches = branches_of(parts.views, rules, until, each)
        self.is_branching = parts.scores_each or len(parts.views) > 1
        self.answer_of = self.answers if parts.scores_each else self.answer
        families = {family_of(metric.live) for metric in parts.views[0].metrics}
        self._keeps_candidates = until >= Stage.JUDGE and not {PURE, LLM}.issuperset(families)

    @property
    def steps(self) -> list[Step]:
        """All steps of a case that ask no judges, in order."""
        chosen = (self._select_step, self._reduce_step) if self._reduces else ()
        parts = [part.step for branch in self.branches for part in branch.parts]
        return [*self._generate_steps, *(step for step in chosen if step is not None), *parts]

    @property
    def candidates(self) -> int:
        """The number of candidates of a case."""
        return len(self._generate_steps)

    @property
    def metrics(self) -> Sequence[LoadedComponent]:
        """The metrics outside of views, by their number."""
        return self._parts.views[0].metrics

    async def lost(self, work: CaseWork) -> Answers | CaseEnd:
        """The answers left of a case that has lost candidates, which are not asked for again."""
        if not self._parts.scores_each:
            return work.end(Stage.GENERATE, failed=True)
        stored = [work.stored.get(step.key) for step in self._generate_steps]
        return await self.answers(work, [codec.to_generation(one) if one and one.ok else None for one in stored])

    async def answers(self, work: CaseWork, generated: Candidates | None = None) -> Answers | CaseEnd:
        """The reduced answer, if there is one, and each candidate: one that failed leaves the others."""
        candidates = await self._generate(work) if generated is None else generated
        reduced = await self.answer(work, candidates)
        if not self._evaluates:
            assert isinstance(reduced, CaseEnd), "a case ends before its evaluation"  # noqa: S101
            return reduced
        present = {index: candidate for index, candidate in enumerate(candidates) if candidate is not None}
        if not present and isinstance(reduced, CaseEnd):
            return reduced
        ends = ((index, answer_end(candidate)) for index, candidate in present.items())
        left_out = {index: end for index, end in ends if end is not None and end in self._parts.left_out}
        return Answers(reduced, {index: first_candidate([one]) for index, one in present.items()}, left_out)

    async def answer(self, work: CaseWork, generated: Candidates | None = None) -> ReducedCandidate | CaseEnd:
        """The answer that the candidates are reduced to, or the end of a case that has none.

        All candidates are needed, as fewer would be another experiment; they are generated if they are not given.
        """
        if generated is None:
            generated = await self._generate(work)
        candidates = [candidate for candidate in generated if candidate is not None]
        is_whole = len(candidates) == len(generated)
        if not is_whole or not self._reduces:
            return work.end(Stage.GENERATE, failed=not is_whole)
        if self._keeps_candidates:
            work.candidates = candidates
        kept = await self._select(work, candidates, self._select_step) if self._select_step else candidates
        if kept is None:
            return work.end(Stage.SELECT, failed=True)
        if self._parts.left_out:
            work.left_out = self._left_out(kept)
        reduced = await self._reduce(work, kept, self._reduce_step) if self._reduce_step else first_candidate(kept)
        if reduced is None or not self._evaluates:
            return work.end(Stage.REDUCE, failed=reduced is None)
        return reduced

    def _left_out(self, candidates: list[GenerationResult]) -> AnswerEnd | None:
        """The end for which a case is not scored: that of its first candidate, if no candidate is to be scored."""
        ends = [answer_end(candidate) for candidate in candidates]
        return ends[0] if self._parts.left_out.issuperset(ends) else None

    async def _generate(self, work: CaseWork) -> Candidates:
        """All candidates; None for each that failed."""
        steps = self._generate_steps
        if len(steps) == 1:
            return [await self._candidate(work, steps[0])]
        return await asyncio.gather(*(self._candidate(work, step) for step in steps))

    async def _candidate(self, work: CaseWork, step: Step) -> GenerationResult | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return codec.to_generation(stored) if stored.ok else None
        context = generate_context(self._parts, self._runner.idle_timeout_s, work, step.item)
        return await self._runner.run(step, work, work.case, context)

    async def _select(
        self, work: CaseWork, candidates: list[GenerationResult], step: Step
    ) -> list[GenerationResult] | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return [candidates[index] for index in codec.to_selection(stored)] if stored.ok else None
        judges = [] if self._judges_of is None else self._judges_of(work)
        context = SelectContext(
            **self._choice(work, candidates), judge_models=judges, metadata={"input": work.case.input}
        )
        kept = await self._runner.run(step, work, candidates, context)
        return None if kept is None else [candidates[index] for index in kept]

    async def _reduce(self, work: CaseWork, candidates: list[GenerationResult], step: Step) -> ReducedCandidate | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return codec.to_reduced(stored) if stored.ok else None
        context = ReduceContext(**self._choice(work, candidates))
        return await self._runner.run(step, work, candidates, context)

    def _choice(self, work: CaseWork, candidates: list[GenerationResult]) -> dict[str, Any]:
        """The fields that the contexts of selector and reducer share."""
        return {
            "run_id": self._parts.run_id,
            "case_id": work.case.case_id,
            "dataset_id": work.dataset.dataset_id,
            "case_key": work.case_key,
            "candidate_ids": [candidate.candidate_id for candidate in candidates],
            "seed": self._parts.seeds[work.dataset_no][0],
        }


def generate_context(parts: Parts, idle_timeout_s: float | None, work: CaseWork, item: int) -> GenerateContext:
    """The context of a candidate."""
    return GenerateContext(
        run_id=parts.run_id,
        case_id=work.case.case_id,
        dataset_id=work.dataset.dataset_id,
        case_key=work.case_key,
        seed=parts.seeds[work.dataset_no][item],
        seed_is_given=parts.seeds_are_given,
        idle_timeout_s=idle_timeout_s,
        prompt_spec=parts.prompt_spec,
    )


def _generate_steps(parts: Parts) -> list[Step]:
    generator = parts.generator.live
    if parts.continuation is not None:
        return [continuation_step(generator, ContinuationCalls(generator, parts.continuation, parts.prompt))]
    prepare = preparation_of(parts.prompt, parts.finder)
    return [generate_step(generator, item, prepare) for item in range(len(parts.seeds[0]))]


def generate_step(generator: Any, item: int, prepare: Prepare | None) -> Step:
    """The step of a candidate."""
    provider = provider_of(generator)
    generate = generator.generate if prepare is None else keeping_prompt(generator.generate)
    return Step(Stage.GENERATE, item, generator, generate, GenerationResult, codec.generated, provider, prepare=prepare)


def _select_step(selector: Any, *, is_gated: bool) -> Step:
    async def indexes(candidates: list[GenerationResult], context: SelectContext) -> list[int]:
        return _indexes(await selector.select(candidates, context), candidates)

    return Step(Stage.SELECT, 0, selector, indexes, list, codec.selected, is_gated=is_gated)


def _reduce_step(reducer: Any) -> Step:
    return Step(Stage.REDUCE, 0, reducer, reducer.reduce, ReducedCandidate, codec.reduced)


def _indexes(kept: list[GenerationResult], candidates: list[GenerationResult]) -> list[int]:
    """Positions of the kept candidates among all: ids may repeat, so objects are compared first.

    Raises:
        ValueError: the selector kept nothing, or something that is not one of the candidates.
    """
    if not kept:
        msg = "the selector kept no candidate"
        raise ValueError(msg)
    positions = {id(candidate): index for index, candidate in enumerate(candidates)}
    try:
        return [positions[id(c)] if id(c) in positions else candidates.index(c) for c in kept]
    except ValueError:
        msg = "the selector returned something that is not one of the candidates it was given"
        raise ValueError(msg) from None
