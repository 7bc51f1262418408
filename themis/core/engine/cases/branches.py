"""Branches of a case's evaluation: its answers, each parsed and scored in every view of the run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from themis.core.components.metric_families import PURE, family_of
from themis.core.components.resolution import LoadedComponent
from themis.core.components.run_refs import ViewRefs
from themis.core.config import OnNoAnswer
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.one_evaluation import Branching, CaseEvaluation, ParsePart, Part, ScorePart
from themis.core.engine.cases.step import Step
from themis.core.models import ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.items import Item, id_in_view
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage

Stretches = TypeVar("Stretches")


@dataclass(frozen=True, slots=True)
class LoadedView:
    """The live components of a view.

    Attributes:
        name: empty outside of views.
        number: from 1; 0 outside of views.
        parsers: at most one.
    """

    name: str
    number: int
    parsers: tuple[LoadedComponent, ...]
    metrics: tuple[LoadedComponent, ...]

    def refs(self) -> ViewRefs:
        """The references of the components."""
        return ViewRefs(
            parsers=[parser.ref for parser in self.parsers], metrics=[metric.ref for metric in self.metrics]
        )

    def columns(self) -> dict[int, LoadedComponent]:
        """The metrics by their column, see `Item`."""
        return {Item(no, self.number).column: metric for no, metric in enumerate(self.metrics)}

    def metric_id(self, metric: LoadedComponent) -> str:
        """The id under which the scores of a metric are."""
        return id_in_view(self.name, metric.ref.component_id) if self.name else metric.ref.component_id


@dataclass(frozen=True, slots=True)
class Branch:
    """An answer of each case, seen in one way.

    Attributes:
        candidate: index of the candidate; None for the reduced one.
        view: number of the view.
        parts: the synchronous stages, in order.
    """

    candidate: int | None
    view: int
    parts: list[Part]

    @property
    def is_reduced(self) -> bool:
        """Whether it is that of the reduced answer outside of views."""
        return self.candidate is None and self.view == 0


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a case whose candidates are scored each.

    Attributes:
        reduced: the answer that they were reduced to, or the end of the case as far as that one is concerned.
        candidates: those that were generated, by index.
        left_out: the ends of those that are not scored, by index.
    """

    reduced: ReducedCandidate | CaseEnd
    candidates: dict[int, ReducedCandidate]
    left_out: dict[int, AnswerEnd]

    def of(self, candidate: int | None) -> ReducedCandidate | None:
        """The answer of a candidate, or the reduced one; None when there is none."""
        if candidate is not None:
            return self.candidates.get(candidate)
        return self.reduced if isinstance(self.reduced, ReducedCandidate) else None


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """Facts that the parts of a run share.

    Attributes:
        run_id: the run.
        seeds: one for each candidate, for each dataset.
        on_no_answer: how an answer is scored whose parsed value is None.
    """

    run_id: str
    seeds: Sequence[Sequence[int]]
    on_no_answer: OnNoAnswer


def branches_of(views: Sequence[LoadedView], rules: EvaluationRules, until: Stage, candidates: int) -> list[Branch]:
    """Return the branches that have work up to the stage `until`: of the reduced answer, then of so many candidates.

    The first is that of the reduced answer outside of views, whether it has work or not.
    """
    found = []
    for candidate in (None, *range(candidates)):
        seeds = [of_dataset[candidate or 0] for of_dataset in rules.seeds]
        for view in views:
            parts: list[Part] = []
            if view.parsers and until >= Stage.PARSE:
                parts.append(ParsePart(_parse_step(view, candidate), rules.run_id))
            if until >= Stage.SCORE:
                pure = [no for no, metric in enumerate(view.metrics) if family_of(metric.live) == PURE]
                steps = [_score_step(view, no, candidate) for no in pure]
                parts += [ScorePart(step, rules.run_id, seeds, rules.on_no_answer) for step in steps]
            branch = Branch(candidate, view.number, parts)
            if parts or branch.is_reduced:
                found.append(branch)
    return found


def _parse_step(view: LoadedView, candidate: int | None) -> Step:
    parser = view.parsers[0].live
    number = Item(view=view.number, candidate=candidate).number
    return Step(Stage.PARSE, number, parser, parser.parse, ParsedOutput, codec.parsed)


def _score_step(view: LoadedView, no: int, candidate: int | None) -> Step:
    metric, kinds = view.metrics[no], (Score, ScoreError)
    live, number = metric.live, Item(no, view.number, candidate).number
    return Step(Stage.SCORE, number, live, live.score, kinds, codec.scored, metric_id=view.metric_id(metric))


def branch_evaluations(
    work: CaseWork, given: ReducedCandidate | Answers, branches: Iterable[tuple[Branch, Stretches]]
) -> tuple[Branching, list[tuple[CaseEvaluation, Stretches]]]:
    """Return a case with branches, and the evaluation of each of them that has an answer, with its stretches."""
    answers = given if isinstance(given, Answers) else Answers(given, {}, {})
    whole = Branching(answers.reduced if isinstance(answers.reduced, CaseEnd) else None)
    found = []
    for branch, stretches in branches:
        answer = answers.of(branch.candidate)
        if answer is not None:
            left_out = work.left_out if branch.candidate is None else answers.left_out.get(branch.candidate)
            case = CaseEvaluation(work, answer, left_out, whole)
            whole.reduced = case if branch.is_reduced else whole.reduced
            found.append((case, stretches))
    whole.left = len(found)
    return whole, found
