"""One case in the stage `judge`: its metrics that ask judges, all at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from themis.core.components.metric_families import LLM, PURE, family_of
from themis.core.components.pass_through import whole_output
from themis.core.components.resolution import LoadedComponent
from themis.core.contexts import EvalScoreContext
from themis.core.engine.calls.call_thread import CallThread, make_call
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.cases.no_answer import count_no_answer, wants_no_answer
from themis.core.engine.cases.one_evaluation import CaseEvaluation
from themis.core.engine.cases.stage_runner import Attempt, StageRunner
from themis.core.engine.cases.step import Step
from themis.core.engine.judging.judges import Judges, Question
from themis.core.engine.judging.subjects import subject_of
from themis.core.engine.judging.workflow_run import WorkflowRun
from themis.core.identity.derived_seeds import judge_seed
from themis.core.models import ParsedOutput
from themis.core.outcomes import codec
from themis.core.outcomes.items import Item
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import StageFailure
from themis.core.snapshot import RunSnapshot
from themis.core.subjects import Subject
from themis.core.workflows import EvaluationExecution, JudgeCall, RenderedJudgePrompt


@dataclass(frozen=True, slots=True)
class _JudgedMetric:
    """A metric that asks judges.

    Attributes:
        family: what it is asked about.
        thread: the thread of its methods, and of those of its workflows.
        wants_no_answer: whether it also judges answers in which nothing was found.
    """

    step: Step
    family: str
    thread: CallThread
    wants_no_answer: bool


class CaseJudging:
    """Evaluates the metrics of a run that ask judges, case by case."""

    def __init__(
        self,
        snapshot: RunSnapshot,
        metrics: Sequence[LoadedComponent],
        judges: Judges,
        runner: StageRunner,
        calls: SyncCalls,
    ) -> None:
        """Judge by those of `metrics` that ask one of `judges`; `runner` and `calls` are those of the run."""
        self._snapshot = snapshot
        self._judges = judges
        self._runner = runner
        self._metrics = [
            _JudgedMetric(_step(metric, item), family, calls.thread_of(metric.live, Stage.JUDGE), wants)
            for item, metric in enumerate(metrics)
            if (family := family_of(metric.live)) != PURE
            for wants in [wants_no_answer(metric.live)]
        ]

    async def judge(self, case: CaseEvaluation) -> None:
        """Pass an outcome of each metric to the writer, and mark the case as failed if one of them has no score."""
        stored = case.work.stored
        left = [metric for metric in self._metrics if metric.step.key not in stored]
        if any(not kept.ok for metric in self._metrics if (kept := stored.get(metric.step.key))):
            case.fail(Stage.JUDGE)
        if len(left) == 1:
            await self._evaluate(left[0], case)
            return
        try:
            async with asyncio.TaskGroup() as group:
                for metric in left:
                    group.create_task(self._evaluate(metric, case))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _evaluate(self, metric: _JudgedMetric, case: CaseEvaluation) -> None:
        work, item, runner = case.work, metric.step.item, self._runner
        parsed = case.parsed or whole_output(case.reduced)
        if work.left_out is not None:
            runner.put(metric.step, work, codec.left_out(work.case_no, item, work.left_out, Stage.JUDGE))
            return
        if metric.family == LLM and parsed.value is None and not metric.wants_no_answer:
            rule = self._snapshot.identity.on_no_answer
            counted = count_no_answer(rule, work.case)
            outcome = codec.no_answer(work.case_no, item, counted.value, counted.details, Stage.JUDGE)
            runner.put(metric.step, work, outcome)
            return
        context = self._context(metric.step, case, parsed)
        try:
            subject = subject_of(metric.family, case)
        except ValueError as error:
            failure = runner.failure(metric.step, work, error, [])
            runner.put(metric.step, work, codec.not_judged(work.case_no, item, failure, None))
            case.fail(Stage.JUDGE)
            return
        ask = partial(self._attempt, metric, case, subject, context)
        if runner.is_observed:
            result = await runner.run_observed(metric.step, work, (subject, context), ask)
        else:
            result, outcome, _ = await ask()
            runner.writer.add(outcome)
        if result is None:
            case.fail(Stage.JUDGE)

    async def _attempt(
        self, metric: _JudgedMetric, case: CaseEvaluation, subject: Subject, context: EvalScoreContext
    ) -> Attempt:
        step, work = metric.step, case.work
        execution_id = f"{work.case_key}/{step.metric_id}"
        run = WorkflowRun(
            execution_id,
            partial(make_call, metric.thread, now=(step, work)),
            partial(self._ask, work, step),
        )
        build = partial(step.component.build_workflow, subject, context)
        execution = await run.run(build, subject, context)
        error = run.error or ValueError("too few calls gave a judgment")
        if execution.aggregation_output is not None:
            try:
                return execution, codec.judged(work.case_no, step.item, execution, None), None
            except ValueError as not_a_number:
                error = not_a_number
        failure, outcome = self._not_judged(step, case, execution, error)
        return None, outcome, failure

    async def _ask(
        self, work: Any, step: Step, call: JudgeCall, prompt: RenderedJudgePrompt, history: list[dict[str, Any]]
    ) -> Any:
        question = Question(
            work,
            step.item,
            call.call_id,
            call.judge_model_id,
            prompt,
            call.effective_seed,
            call.repeat_index,
            step.metric_id,
        )
        return await self._judges.answer(question, history)

    def _not_judged(
        self, step: Step, case: CaseEvaluation, execution: EvaluationExecution, error: BaseException
    ) -> tuple[StageFailure, Outcome]:
        """Return the failure of a metric for a case, with its outcome."""
        failure = self._runner.failure(step, case.work, error, [])
        failed, made = len(execution.failures), len(execution.judge_calls)
        said: dict[str, Any] = {}
        if execution.aggregation_output is not None:
            reason = execution.aggregation_output.details.get("reason")
            said = {"message": reason if isinstance(reason, str) else failure.message}
        elif execution.status == "partial_failure":
            of_calls = f"{failed} of {made} judge calls failed: {failure.message}"
            said = {"category": codec.EVALUATION_PARTIAL_FAILURE, "message": of_calls}
        failure = failure.model_copy(update=said)
        return failure, codec.not_judged(case.work.case_no, step.item, failure, execution)

    def _context(self, step: Step, case: CaseEvaluation, parsed: ParsedOutput) -> EvalScoreContext:
        work, identity = case.work, self._snapshot.identity
        return EvalScoreContext(
            run_id=self._snapshot.run_id,
            case=work.case,
            parsed_output=parsed,
            dataset_id=work.dataset.dataset_id,
            case_key=work.case_key,
            dataset_metadata=work.dataset.metadata,
            seed=self._snapshot.seeds(work.dataset_no)[0],
            judge_model_refs=list(self._judges.refs),
            judge_seed=judge_seed(self._snapshot, work.dataset.dataset_id, work.case.case_id, step.metric_id or ""),
            prompt_spec=identity.evaluation_prompt_spec,
            judge_config=identity.judge_config,
            eval_workflow_config=identity.workflow_overrides,
        )


def _step(metric: LoadedComponent, item: int) -> Step:
    live = metric.live
    return Step(
        Stage.JUDGE,
        Item(item).number,
        live,
        live.build_workflow,
        EvaluationExecution,
        codec.judged,
        metric_id=metric.ref.component_id,
    )
