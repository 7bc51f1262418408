"""One case through its stages: stored outcomes are used, and missing ones are run.

The asynchronous stages are run here, one after the other; the synchronous ones are only listed (`parts`).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from themis.core.components.pass_through import first_candidate
from themis.core.components.resolution import LoadedComponent
from themis.core.config import OnNoAnswer
from themis.core.contexts import GenerateContext, ReduceContext, SelectContext
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.one_evaluation import ParsePart, Part, ScorePart
from themis.core.engine.cases.prompted import Prepare, keeping_prompt, preparation_of
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import Step
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd, answer_end
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.prompt_config import RunPrompt
from themis.core.prompts import PromptSpec


@dataclass(frozen=True, slots=True)
class Parts:
    """The live components of a run, and the values of their contexts.

    Attributes:
        seeds: one per candidate, for each dataset.
        on_no_answer: how a case is scored whose parsed value is None.
        left_out: ends of answers that are not scored.
        seeds_are_given: whether the experiment gives the seeds; else they are derived.
        prompt: templates over a case; None when the generator gets the case as it is.
    """

    run_id: str
    generator: LoadedComponent
    selector: LoadedComponent | None
    reducer: LoadedComponent | None
    parser: LoadedComponent | None
    metrics: tuple[LoadedComponent, ...]
    seeds: tuple[tuple[int, ...], ...]
    prompt_spec: PromptSpec | None
    on_no_answer: OnNoAnswer = "incorrect"
    left_out: frozenset[AnswerEnd] = frozenset()
    seeds_are_given: bool = False
    prompt: RunPrompt | None = None


class CasePipeline:
    """Takes cases through the stages up to and including `until`.

    Attributes:
        parts: the synchronous stages, in order.
    """

    def __init__(self, parts: Parts, runner: StageRunner, until: Stage) -> None:
        """Use the components `parts`; each stage is run by `runner`."""
        self._parts = parts
        self._runner = runner
        self.until = until
        self._reduces, self._evaluates = until >= Stage.REDUCE, until >= Stage.PARSE
        prepare = preparation_of(parts.prompt)
        self._generate_steps = [
            generate_step(parts.generator.live, item, prepare) for item in range(len(parts.seeds[0]))
        ]
        self._select_step = _select_step(parts.selector.live) if parts.selector else None
        self._reduce_step = _reduce_step(parts.reducer.live) if parts.reducer else None
        self.parts: list[Part] = []
        if parts.parser and self._evaluates:
            self.parts.append(ParsePart(_parse_step(parts.parser.live), parts.run_id))
        if until >= Stage.SCORE:
            steps = [_score_step(metric, item) for item, metric in enumerate(parts.metrics)]
            seeds = [of_dataset[0] for of_dataset in parts.seeds]
            self.parts += [ScorePart(step, parts.run_id, seeds, parts.on_no_answer) for step in steps]

    async def answer(self, work: CaseWork) -> ReducedCandidate | CaseEnd:
        """The answer to evaluate, or the end of a case that has none. The writer has its outcomes by then."""
        candidates = await self._generate(work)
        if candidates is None or not self._reduces:
            return work.end(Stage.GENERATE, failed=candidates is None)
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

    async def _generate(self, work: CaseWork) -> list[GenerationResult] | None:
        """All candidates; None when one is missing, since fewer candidates would be another experiment."""
        steps = self._generate_steps
        if len(steps) == 1:
            candidates = [await self._candidate(work, steps[0])]
        else:
            candidates = await asyncio.gather(*(self._candidate(work, step) for step in steps))
        present = [candidate for candidate in candidates if candidate is not None]
        return present if len(present) == len(steps) else None

    async def _candidate(self, work: CaseWork, step: Step) -> GenerationResult | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return codec.to_generation(stored)
        context = generate_context(self._parts, self._runner.idle_timeout_s, work, step.item)
        return await self._runner.run(step, work, work.case, context)

    async def _select(
        self, work: CaseWork, candidates: list[GenerationResult], step: Step
    ) -> list[GenerationResult] | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return [candidates[index] for index in codec.to_selection(stored)]
        context = SelectContext(**self._choice(work, candidates))
        kept = await self._runner.run(step, work, candidates, context)
        return None if kept is None else [candidates[index] for index in kept]

    async def _reduce(self, work: CaseWork, candidates: list[GenerationResult], step: Step) -> ReducedCandidate | None:
        if work.stored and (stored := work.stored.get(step.key)):
            return codec.to_reduced(stored)
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


def generate_step(generator: Any, item: int, prepare: Prepare | None) -> Step:
    """The step of a candidate."""
    provider: str | None = getattr(generator, "provider_key", None)
    generate = generator.generate if prepare is None else keeping_prompt(generator.generate)
    return Step(Stage.GENERATE, item, generator, generate, GenerationResult, codec.generated, provider, prepare=prepare)


def _select_step(selector: Any) -> Step:
    async def indexes(candidates: list[GenerationResult], context: SelectContext) -> list[int]:
        return _indexes(await selector.select(candidates, context), candidates)

    return Step(Stage.SELECT, 0, selector, indexes, list, codec.selected)


def _reduce_step(reducer: Any) -> Step:
    return Step(Stage.REDUCE, 0, reducer, reducer.reduce, ReducedCandidate, codec.reduced)


def _parse_step(parser: Any) -> Step:
    return Step(Stage.PARSE, 0, parser, parser.parse, ParsedOutput, codec.parsed)


def _score_step(metric: LoadedComponent, item: int) -> Step:
    kinds = (Score, ScoreError)
    live = metric.live
    return Step(Stage.SCORE, item, live, live.score, kinds, codec.scored, metric_id=metric.ref.component_id)


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
