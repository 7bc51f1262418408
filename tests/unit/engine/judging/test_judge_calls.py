"""Calls of judges: seeds, retries, limits, costs, and which of them are made again."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment, workflow_with
from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedSelector, cases, dataset
from themis.core.config import RuntimeConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.run_cost import cost_of
from themis.core.cost.spend import read_all
from themis.core.errors import (
    ConfigError,
    ProviderOutageError,
    RepeatedFailureError,
    RunStoppedError,
    UnboundedCallError,
)
from themis.core.inspection import get_evaluation_execution
from themis.core.models import Dataset
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store
from themis.core.values.breaker import BreakerConfig
from themis.core.values.budget import BudgetConfig
from themis.core.workflows import JudgeCall, JudgeResponse, RenderedJudgePrompt


def seeds_of(judge: ScriptedJudge) -> dict[str, int]:
    return dict(judge.calls)


def test_seeds_follow_from_the_given_ones_the_case_the_metric_and_the_call_alone() -> None:
    first, again, other_seed, other_metric = (ScriptedJudge() for _ in range(4))
    judged_experiment([first], seeds=[7]).run()
    judged_experiment([again], [ScriptedMetric(), ScriptedJudged()], seeds=[7]).run()
    judged_experiment([other_seed], seeds=[8]).run()
    judged_experiment([other_metric], [ScriptedJudged(component_id="lab/other")], seeds=[7]).run()
    assert seeds_of(first) == seeds_of(again)
    assert len(set(seeds_of(first).values())) == 3
    for other in (other_seed, other_metric):
        assert not set(seeds_of(first).values()) & set(seeds_of(other).values())


def test_each_call_has_a_seed_of_its_own_unless_its_workflow_gives_it_one() -> None:
    judge = ScriptedJudge()

    def calls() -> list[JudgeCall]:
        found = [JudgeCall(call_id="same", judge_model_id="lab/judge", repeat_index=no) for no in range(2)]
        given = JudgeCall(call_id="given", judge_model_id="lab/judge", effective_seed=42)
        return [call.model_copy(update={"call_id": f"{call.call_id}-{call.repeat_index}"}) for call in (*found, given)]

    judged_experiment([judge], [ScriptedJudged(workflow_with(judge_calls=calls))], datasets=[dataset(1)]).run()
    seeds = [seed for _, seed in judge.calls]
    assert len(set(seeds)) == 3
    assert 42 in seeds


def test_a_passing_failure_of_a_judge_is_tried_again_as_its_own_settings_say() -> None:
    tries: list[str] = []

    def script(content: str) -> Any:
        tries.append(content)
        return TimeoutError("busy") if tries.count(content) < 3 else "1"

    runtime = RuntimeConfig(generation_retry_attempts=1, judge_retry_attempts=3, judge_retry_delay=0.0)
    store = InMemoryRunStore()
    result = judged_experiment([ScriptedJudge(script)], runtime=runtime).run(store=store)
    assert (result.status, len(tries)) == ("completed", 9)
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [entry["message"] for entry in execution.judge_responses[0].retry_history] == ["busy", "busy"]

    tries.clear()
    once = runtime.model_copy(update={"judge_retry_attempts": 2})
    store = InMemoryRunStore()
    result = judged_experiment([ScriptedJudge(script)], runtime=once).run(store=store)
    assert (result.status, len(tries)) == ("partial_failure", 6)
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [entry["message"] for entry in execution.failures[0].retry_history] == ["busy"]


def test_a_judge_that_hangs_is_cut_off() -> None:
    judge = ScriptedJudge(lambda _: asyncio.sleep(60))
    runtime = RuntimeConfig(request_timeout_s=0.01, judge_retry_attempts=1)
    result = judged_experiment([judge], runtime=runtime).run()
    assert "request_timeout_s" in result.cases[0].evaluation_failures["lab/judged"].message


def test_a_judges_provider_has_limits_of_its_own() -> None:
    judge = ScriptedJudge(lambda _: _slowly("1"))
    judge.provider_key = "lab:judges"  # type: ignore[attr-defined]
    runtime = RuntimeConfig(provider_concurrency={"lab:judges": 2}, judge_retry_delay=0.0)
    metrics = [ScriptedJudged(workflow_with(judges=["lab/judge"] * 4))]
    assert judged_experiment([judge], metrics, runtime=runtime, datasets=[dataset(4)]).run().status == "completed"
    assert judge.most == 2


async def _slowly(text: str) -> str:
    await asyncio.sleep(0.002)
    return text


class RefusedError(Exception):
    """A provider that refuses every call."""

    status_code = 401


class StopsError(Exception):
    """An error after which no call can succeed."""

    stops_run = True


@pytest.mark.parametrize(("raised", "ends"), [(RefusedError, ProviderOutageError), (StopsError, RunStoppedError)])
def test_a_judge_that_refuses_every_call_stops_the_run_and_a_resume_asks_it_again(raised: Any, ends: Any) -> None:
    refuses = True
    judge = ScriptedJudge(lambda _: raised("no") if refuses else "1")
    generator, store = ScriptedGenerator(), InMemoryRunStore()
    runtime = RuntimeConfig(breaker=BreakerConfig(failures=3), judge_retry_delay=0.0)
    experiment = judged_experiment([judge], generator=generator, datasets=[dataset(10)], runtime=runtime)
    with pytest.raises(ends):
        experiment.run(store=store)
    refuses = False
    assert experiment.run(store=store).status == "completed"
    assert len(generator.calls) == 10


def test_a_judge_that_fails_in_one_way_every_time_stops_the_run_too() -> None:
    judge = ScriptedJudge(lambda _: LookupError("no such table"))
    runtime = RuntimeConfig(breaker=BreakerConfig(failures=3), max_concurrent_tasks=1)
    experiment = judged_experiment([judge], datasets=[dataset(100)], runtime=runtime)
    with pytest.raises(RepeatedFailureError, match=r"failed 3 times in a row in the same way.*LookupError"):
        experiment.run()
    assert len(judge.calls) < 50


# --- made once -------------------------------------------------------------------------------------------------------


def kept(store: RunStore, run_id: str) -> list[str]:
    return [f"{row.case_no}/{row.call_id}" for row in store.judge_calls_between(run_id, 0, 100)]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_resume_makes_no_call_again_that_is_stored(kind: str, tmp_path: Path) -> None:
    works = False
    good = ScriptedJudge(component_id="lab/good")
    bad = ScriptedJudge(lambda _: "1" if works else ValueError("away"), component_id="lab/bad")
    made: RunStore = InMemoryRunStore() if kind == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made) as store:
        experiment = judged_experiment([good, bad])
        first = experiment.run(store=store)
        assert (first.status, len(good.calls), len(bad.calls)) == ("partial_failure", 3, 3)
        assert kept(store, first.run_id) == ["0/call-0", "1/call-0", "2/call-0"]
        works = True
        again = experiment.run(store=store)
        assert (again.status, len(good.calls), len(bad.calls)) == ("completed", 3, 6)
        execution = get_evaluation_execution(store, again.run_id, "q0", "lab/judged")
        assert execution is not None
        assert execution.trace is not None
        assert [step.metadata["response"] for step in execution.trace.steps] == ["stored", "asked"]


def test_a_stored_response_to_another_prompt_is_not_used() -> None:
    judge, store = ScriptedJudge(lambda content: ValueError("odd") if content == "old" else "1"), InMemoryRunStore()
    text = "q0: a0"

    def render(call: JudgeCall, *_: Any) -> RenderedJudgePrompt:
        return RenderedJudgePrompt(prompt_id="p", content=text if call.call_id == "call-0" else "old")

    metrics = [ScriptedJudged(workflow_with(render_prompt=render, judges=["lab/judge"] * 2))]
    experiment = judged_experiment([judge], metrics, datasets=[dataset(1)])
    experiment.run(store=store)
    experiment.run(store=store)
    assert [content for content, _ in judge.calls] == [text, "old", "old"]
    text = "another"
    experiment.run(store=store)
    assert [content for content, _ in judge.calls[3:]] == ["another", "old"]


def test_an_equal_call_of_another_run_is_not_made_again_and_another_prompt_judge_or_seed_is_another_call() -> None:
    store = InMemoryRunStore()
    first, again = ScriptedJudge(), ScriptedJudge()
    judged_experiment([first], seeds=[7]).run(store=store)
    other_model = ScriptedGenerator(lambda case, _: case.input if case.case_id == "q0" else "b", fingerprint="two")
    result = judged_experiment([again], generator=other_model, seeds=[7]).run(store=store)
    assert [content for content, _ in again.calls] == ["q1: b", "q2: b"]
    assert result.metrics["lab/judged"].scored == 3
    assert kept(store, result.run_id) == ["0/call-0", "1/call-0", "2/call-0"]
    third, fourth = ScriptedJudge(fingerprint="two"), ScriptedJudge()
    judged_experiment([third], generator=other_model, seeds=[7]).run(store=store)
    judged_experiment([fourth], generator=other_model, seeds=[9]).run(store=store)
    assert (len(third.calls), len(fourth.calls)) == (3, 3)


def test_starting_over_asks_every_judge_again() -> None:
    judge, store = ScriptedJudge(), InMemoryRunStore()
    experiment = judged_experiment([judge])
    experiment.run(store=store)
    rerun = RuntimeConfig(existing_run_policy="rerun")
    assert experiment.run(store=store, runtime=rerun).status == "completed"
    assert len(judge.calls) == 6


def test_outcomes_of_a_run_that_judges_the_same_are_taken_over_whole() -> None:
    store = InMemoryRunStore()
    small, large = ScriptedJudge(), ScriptedJudge()
    judged_experiment([small], datasets=[dataset(3)]).run(store=store)
    result = judged_experiment([large], datasets=[Dataset(dataset_id="lab", cases=cases(5))]).run(store=store)
    assert (result.metrics["lab/judged"].scored, len(large.calls)) == (5, 2)
    outcomes = store.outcomes_between(result.run_id, 0, 5)
    assert sum(outcome.stage is Stage.JUDGE for outcome in outcomes) == 5
    other_judge = ScriptedJudge(component_id="lab/other")
    judged_experiment([other_judge], datasets=[dataset(3)]).run(store=store)
    assert len(other_judge.calls) == 3


# --- selectors -------------------------------------------------------------------------------------------------------


class JudgingSelector(ScriptedSelector):
    """Asks the first judge about each candidate, twice about the first; keeps the first one."""

    async def select(self, candidates: Any, ctx: Any) -> Any:
        judge = ctx.judge_models[0]
        asked = [candidates[0], *candidates]
        for candidate in asked:
            prompt = RenderedJudgePrompt(prompt_id="p", content=f"select {candidate.final_output}")
            response = await judge.judge(prompt)
            assert isinstance(response, JudgeResponse)
        if self.script(candidates) is None:
            msg = "undecided"
            raise ValueError(msg)
        return candidates[:1]


def test_a_selector_asks_judges_through_their_gates_and_a_resume_repeats_none_of_its_calls() -> None:
    decided = False
    judge, store = ScriptedJudge(lambda _: _slowly("A")), InMemoryRunStore()
    selector = JudgingSelector(lambda found: found if decided else None, component_id="lab/selector")
    generator = ScriptedGenerator(lambda case, ctx: f"{case.case_id}/{ctx.seed}")
    runtime = RuntimeConfig(max_concurrent_tasks=1, judge_retry_delay=0.0)
    experiment = judged_experiment(
        [judge], [ScriptedMetric()], generator=generator, samples=2, seeds=[1, 2], selector=selector, runtime=runtime
    )
    assert experiment.run(store=store).status == "failed"
    assert (len(judge.calls), judge.most) == (9, 1)
    decided = True
    result = experiment.run(store=store)
    assert (result.status, len(judge.calls)) == ("completed", 9)
    assert all(row.item == -1 for row in store.judge_calls_between(result.run_id, 0, 9))


# --- costs -----------------------------------------------------------------------------------------------------------


def test_what_judges_use_is_counted_apart_from_the_generators() -> None:
    judge, store = ScriptedJudge(), InMemoryRunStore()
    judge.usage = {"prompt_tokens": 100, "completion_tokens": 10}
    judge.model_id = "lab-judge-1"  # type: ignore[attr-defined]
    result = judged_experiment([judge]).run(store=store)
    spends = read_all(store.spends(result.run_id).values())
    cost = cost_of(spends, PriceList.read())
    assert cost is not None
    assert (cost.judges.calls, cost.judges.tokens.total) == (3, 330)
    document = cost.document()
    assert document["judges"]["calls"] == 3
    assert document["judges"]["tokens"] == 330
    assert document["tokens"] == 330
    assert [model["model"] for model in document["models"]] == ["", "lab-judge-1"]
    assert sum(calls for calls, _ in spends[0].groups.values()) == 3


def test_a_budget_bounds_the_calls_of_judges_too() -> None:
    class Bounded(ScriptedJudge):
        def most_tokens(self, prompt: RenderedJudgePrompt) -> tuple[int, int]:
            return 50, 50

    class BoundedGenerator(ScriptedGenerator):
        def most_tokens(self, case: Any, ctx: Any) -> tuple[int, int]:
            return 1, 1

    judge, store = Bounded(), InMemoryRunStore()
    judge.usage = {"prompt_tokens": 40, "completion_tokens": 40}
    runtime = RuntimeConfig(budget=BudgetConfig(tokens=420), max_concurrent_tasks=1)
    bounded: dict[str, Any] = {"generator": BoundedGenerator(), "runtime": runtime}
    experiment = judged_experiment([judge], datasets=[dataset(10)], **bounded)
    result = experiment.run(store=store)
    assert (result.status, result.reason) == ("cancelled", "budget")
    assert 1 <= len(judge.calls) <= 5
    unbounded = judged_experiment([ScriptedJudge()], **bounded)
    with pytest.raises(UnboundedCallError, match=r"judge 'lab/judge' does not say .* most_tokens\(prompt\)"):
        unbounded.run(store=InMemoryRunStore())


# --- the configuration -----------------------------------------------------------------------------------------------


def test_two_judges_of_one_component_are_told_apart_by_a_name() -> None:
    use = f"{__name__}:NamedJudge"
    with pytest.raises(ConfigError, match=r"judge 'lab/named' is listed twice; name one: \{use: .*:NamedJudge, as: <"):
        judged_experiment([use, {"use": use, "with": {"says": "0.5"}}]).compile()
    store = InMemoryRunStore()
    judges = [{"use": use, "as": "strict"}, {"use": use, "with": {"says": "0.5"}, "as": "kind"}]
    experiment = judged_experiment(judges)
    result = experiment.run(store=store)
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [call.judge_model_id for call in execution.judge_calls] == ["strict", "kind"]
    assert [response.judge_model_id for response in execution.judge_responses] == ["strict", "kind"]
    assert result.metrics["lab/judged"].mean == 0.75
    refs = experiment.compile().component_refs.judge_models
    assert [(ref.component_id, ref.own_id) for ref in refs] == [("strict", "lab/named"), ("kind", "lab/named")]
    other = [{"use": use, "as": "other"}, judges[1]]
    assert judged_experiment(other).compile().run_id != experiment.compile().run_id


class NamedJudge(ScriptedJudge):
    """A judge that a configuration names."""

    def __init__(self, says: str = "1") -> None:
        """Always `says` the same."""
        super().__init__(lambda _: says, component_id="lab/named")


def test_two_metrics_of_one_component_are_told_apart_by_a_name() -> None:
    use = "builtin/exact_match"
    result = judged_experiment(metrics=[ScriptedJudged(), use, {"use": use, "as": "again"}]).run()
    assert list(result.metrics) == ["lab/judged", use, "again"]


@pytest.mark.parametrize(
    ("judge", "generator", "is_kin"),
    [
        (("openai:https://api.openai.com/v1", "gpt-9"), ("lab:x", "gpt-9-mini"), True),
        (("openai:https://api.openai.com/v1", "o9"), ("openai:https://api.openai.com/v1", "gpt-9"), True),
        (("vllm:http://h:1", "meta/Llama-9"), ("vllm:http://h:2", "Llama-8"), True),
        (("vllm:http://h:1", "meta/Llama-9"), ("vllm:http://h:1", "qwen9"), False),
        ((None, None), (None, None), False),
    ],
    ids=range(5),
)
def test_a_judge_of_the_generators_family_is_remarked_on_once(
    judge: Any, generator: Any, is_kin: bool, caplog: pytest.LogCaptureFixture
) -> None:
    parts = ScriptedJudge(), ScriptedGenerator()
    for part, (provider, model) in zip(parts, (judge, generator), strict=True):
        part.provider_key, part.model_id = provider, model  # type: ignore[attr-defined]
    judged_experiment([parts[0]], generator=parts[1]).compile()
    remark = f"lab/judge is of the family of the model that is judged ({generator[1]}), and models tend to favour their"
    assert caplog.text.count(remark) == is_kin


def test_a_judge_that_nobody_asks_is_remarked_on(caplog: pytest.LogCaptureFixture) -> None:
    judged_experiment(metrics=[ScriptedMetric()]).compile()
    assert "no metric asks a judge" in caplog.text


def test_a_judge_that_is_listed_again_as_it_is_gets_a_number() -> None:
    use = f"{__name__}:NamedJudge"
    store = InMemoryRunStore()
    experiment = judged_experiment([use, use, use])
    result = experiment.run(store=store)
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [call.judge_model_id for call in execution.judge_calls] == ["lab/named", "lab/named-2", "lab/named-3"]
    again = judged_experiment([use, use, use]).run(store=store)
    assert again.run_id == result.run_id
