"""The judges of a run, and their calls: stored, cached, or made through the judge's gate and kept at once."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from themis.core.components.asked_model import provider_of
from themis.core.components.resolution import LoadedComponent
from themis.core.engine.breaking.breaker import Breaker
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.model_calls import ModelCalls, judge_retries
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import Step
from themis.core.engine.judging.asking import Asking
from themis.core.engine.spending import JudgeSpending
from themis.core.errors import BadResultError, BudgetSpentError, UnknownJudgeError
from themis.core.outcomes import codec
from themis.core.outcomes.stages import Stage
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.text.canonical import content_hash
from themis.core.text.lines import storable
from themis.core.text.nearest import nearest_hint
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt


class Question(NamedTuple):
    """One call of a judge.

    Attributes:
        work: the case.
        item: the metric's, see `JudgeCallRow`.
        call_id: names the call within the item.
        judge_id: the judge, by the id under which the experiment names it.
        repeat: which of several equal calls it is.
        metric_id: the metric that asks; None for a selector.
    """

    work: CaseWork
    item: int
    call_id: str
    judge_id: str
    prompt: RenderedJudgePrompt
    seed: int | None
    repeat: int
    metric_id: str | None = None


class Answer(NamedTuple):
    """The response to a question, and whence it comes: `asked`, `stored` in this run, or of another one (`cache`)."""

    response: JudgeResponse
    source: str


class Judges:
    """Asks the judges of one run."""

    def __init__(self, judges: Sequence[LoadedComponent], runner: StageRunner, asking: Asking) -> None:
        """Ask `judges`, in the order of the experiment, with the gates and the writer of `runner`."""
        self.refs = [judge.ref for judge in judges]
        self._writer = runner.writer
        self._cached = asking.cached
        found = [_Judge(judge, number, runner, asking) for number, judge in enumerate(judges)]
        self._asked = dict(zip((ref.component_id for ref in self.refs), found, strict=True))

    async def answer(self, question: Question, history: list[dict[str, Any]]) -> Answer:
        """Return the response to a question; the failed tries are added to `history`.

        Raises:
            UnknownJudgeError: the experiment names no such judge.
            BadResultError: the judge returned something else than a response.
            BudgetSpentError, BrokenOffError, RunStoppedError: the run cannot go on.
            Exception: the last failure of the judge.
        """
        judge = self._asked.get(question.judge_id)
        if judge is None:
            raise UnknownJudgeError(judge=question.judge_id, nearest=nearest_hint(question.judge_id, self._asked))
        key = content_hash([judge.identity, question.prompt.content, question.seed, question.repeat])
        call_id = storable(question.call_id)  # a workflow's author may name its calls as they like
        stored = (question.work.judge_calls or {}).get((question.item, call_id))
        if stored is not None and stored.cache_key == key:
            return Answer(JudgeResponse.model_validate_json(stored.response), "stored")
        known = None if self._cached is None else self._cached(key)
        if known is None:
            response = await judge.response(question, history)
            text = codec.model_text(response)
        else:
            response, text = JudgeResponse.model_validate_json(known), known
        row = JudgeCallRow(question.work.case_no, question.item, call_id, key, codec.now_ms(), text)
        self._writer.add_judge_call(row)
        return Answer(response, "asked" if known is None else "cache")


class _Judge:
    """One judge: its gate, retries, breaker and spend.

    Attributes:
        identity: what it is, for the key of its responses.
    """

    def __init__(self, loaded: LoadedComponent, number: int, runner: StageRunner, asking: Asking) -> None:
        self.identity = [loaded.ref.identity(), loaded.ref.source_hash]
        self._ref = loaded.ref
        live = loaded.live
        provider = provider_of(live)
        gate = runner.gate(Stage.JUDGE, provider, live)
        runtime = asking.runtime
        counts = None if asking.spending is None else JudgeSpending(asking.spending, live)
        self._calls = ModelCalls(runtime, gate, provider, counts, judge_retries(runtime, provider), runner.guard)
        asked = f"judge {loaded.ref.component_id}"
        self._breaker = Breaker(runtime, asked, runner.failures, f"{asked} {number}")
        self._runner = runner
        # Its number is below those of metrics: a judge's calls last longer than the steps of a workflow.
        self._step = Step(Stage.JUDGE, -1 - number, live, live.judge, JudgeResponse, codec.judged, provider)

    async def _asked(self, question: Question, history: list[dict[str, Any]]) -> Any:
        step, work, prompt = self._step, question.work, question.prompt
        facts = {"metric_id": question.metric_id, "call_id": question.call_id, "seed": question.seed}
        watch = self._runner.watch(step, work, prompt, **facts)
        call = partial(self._runner.noted, step if watch is None else watch.step, work, seed=question.seed)
        asked = self._calls.result(call, (prompt,), history)
        return await (asked if watch is None else watch.through(asked))

    async def response(self, question: Question, history: list[dict[str, Any]]) -> JudgeResponse:
        try:
            found = await self._asked(question, history)
        except BudgetSpentError:
            raise
        except Exception as error:
            self._breaker.note_failure(error, self._step.provider)
            raise
        self._breaker.note_success()
        if not isinstance(found, JudgeResponse):
            name = self._ref.component_id
            raise BadResultError(component=name, found=type(found).__name__, expected=JudgeResponse.__name__)
        own = self._ref.own_id is not None and found.judge_model_id == self._ref.own_id
        return found.model_copy(
            update={
                "judge_model_id": self._ref.component_id if own else found.judge_model_id,
                "retry_history": [*history, *found.retry_history],
            }
        )
