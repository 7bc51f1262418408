"""Runs under a budget: they end cleanly when it is used up, continue with a larger one, and count every charge."""

import asyncio
import json
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.charging_provider import MODEL, PRICES, Bill, ChargingGenerator, ReplyError
from tests.support.lab import dataset, experiment
from themis.cli.main import cli
from themis.core.config import RuntimeConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import read_all
from themis.core.errors import ConfigError, RunStoppedError, UnboundedCallError, UnknownPriceError
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult
from themis.core.stores import InMemoryRunStore, RunStore
from themis.core.submission import submit_experiment


@pytest.fixture(autouse=True)
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    monkeypatch.setenv("THEMIS_PRICES", str(path))
    return path


class Steady(ChargingGenerator):
    """Uses 100 tokens of input and 100 of output a call, which is $0.0018, of 100 and 200 that it may use: $0.0033."""

    async def generate(self, case: Case, ctx: Any) -> GenerationResult:
        self.bill.charge(1_800_000, 200)
        await asyncio.sleep(0)
        usage = {"prompt_tokens": 100, "completion_tokens": 100}
        return GenerationResult(candidate_id=case.case_id, final_output=case.input, token_usage=usage)


def lab(generator: Any, *, count: int = 20, path: Path | None = None, tasks: int = 4, **runtime: Any) -> Experiment:
    settings = {"max_concurrent_tasks": tasks, "generation_retry_delay": 0.0, **runtime}
    return experiment(generator, datasets=[dataset(count)], runtime=RuntimeConfig.model_validate(settings), path=path)


def cost(store: RunStore, lab: Experiment) -> RunCost:
    found = cost_of(read_all(store.spends(lab.compile().run_id).values()), PriceList.read())
    assert found is not None
    return found


def test_a_run_whose_budget_is_used_up_is_cancelled_with_its_reason_and_keeps_its_cases() -> None:
    bill, store = Bill(), InMemoryRunStore()
    result = lab(Steady(bill, most=(100, 200)), budget={"usd": 0.02}).run(store=store)
    assert (result.status, result.reason) == ("cancelled", "budget")
    assert result.error is not None
    assert result.error.startswith("budget: $0.0180 of $0.0200 used, and the next call may need up to $0.0033")
    assert bill.calls == 10  # ten are $0.018, and an eleventh could make it more than $0.02
    assert result.progress.completed_cases == 10
    assert result.metrics["builtin/exact_match"].scored == 10


@pytest.mark.parametrize("tasks", [1, 4, 32])
def test_it_continues_with_a_larger_budget_and_pays_for_no_case_twice(tasks: int) -> None:
    bill, store = Bill(), InMemoryRunStore()
    for tokens, calls in ((1_000, 5), (1_000, 5), (2_100, 10), (10_000, 20)):
        last = lab(Steady(bill, most=(100, 100)), budget={"tokens": tokens}, tasks=tasks).run(store=store)
        assert bill.calls == calls
    assert (last.status, last.reason, last.error) == ("completed", None, None)


def test_with_several_candidates_those_that_were_paid_for_are_kept() -> None:
    bill, store = Bill(), InMemoryRunStore()

    def three(tokens: int) -> Experiment:
        runtime = RuntimeConfig.model_validate({"budget": {"tokens": tokens}, "max_concurrent_tasks": 2})
        generator = Steady(bill, most=(100, 100))
        return experiment(generator, samples=3, reducer="builtin/majority_vote", datasets=[dataset(4)], runtime=runtime)

    assert three(1_000).run(store=store).reason == "budget"
    assert bill.calls == 5
    assert three(10_000).run(store=store).status == "completed"
    assert bill.calls == 12


def test_a_run_within_its_budget_is_as_any_other_and_its_cost_is_exact() -> None:
    bill, store = Bill(), InMemoryRunStore()
    within = lab(ChargingGenerator(bill, seed=3), budget={"usd": 1.0, "tokens": 100_000})
    assert within.run(store=store).status == "completed"
    found = cost(store, within)
    assert found.known.total_usd is not None
    assert int(found.known.total_usd * 10**9) == bill.nano_usd
    assert (found.known.tokens.total, found.known.calls, found.unknown.calls) == (bill.tokens, 20, 0)
    assert (found.killed, found.lost_tokens, found.lost_nano_usd) == (0, 0, 0)


def test_without_a_budget_the_same_is_counted_and_nothing_else_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    bill, store = Bill(), InMemoryRunStore()
    plain = lab(ChargingGenerator(bill, seed=3))
    monkeypatch.setattr(ChargingGenerator, "most_tokens", None)
    monkeypatch.setattr(PriceList, "read", lambda: pytest.fail("no price is needed"))
    assert plain.run(store=store).status == "completed"
    monkeypatch.undo()
    assert (
        sum(
            calls
            for spend in read_all(store.spends(plain.compile().run_id).values())
            for calls, _ in spend.groups.values()
        )
        == 20
    )


def test_a_run_that_asks_no_model_writes_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    store = InMemoryRunStore()
    monkeypatch.setattr(InMemoryRunStore, "put_spend", lambda *_, **__: pytest.fail("nothing was spent"))
    plain = lab("builtin/demo_generator")
    assert plain.run(store=store).status == "completed"
    assert store.spends(plain.compile().run_id) == {}


def test_failed_and_repeated_attempts_count_also_when_the_case_succeeds_in_a_later_run() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 20}

    class Failing(Steady):
        tries = 0
        fails = True

        async def generate(self, case: Case, ctx: Any) -> GenerationResult:
            self.tries += 1
            if self.fails:
                raise ReplyError(token_usage=usage, retryable=True)
            return await super().generate(case, ctx)

    store, generator = InMemoryRunStore(), Failing(Bill(), most=(100, 200))
    failing = lab(generator, count=2)
    assert failing.run(store=store).status == "failed"
    assert generator.tries == 6
    assert (cost(store, failing).failed.calls, cost(store, failing).failed.tokens.total) == (6, 180)
    generator.fails = False
    assert failing.run(store=store).status == "completed"
    found = cost(store, failing)
    assert (found.known.calls, found.failed.calls) == (8, 6)
    assert found.usd == pytest.approx(2 * 0.0018 + 6 * (10 * 3 + 20 * 15) / 1e6)


def test_what_is_reused_from_another_run_costs_nothing() -> None:
    bill, store = Bill(), InMemoryRunStore()
    first = lab(Steady(bill, most=(100, 200)), budget={"usd": 1})
    first.run(store=store)
    second = experiment(Steady(bill, most=(100, 200)), datasets=[dataset(20)], metrics=[], runtime=first.runtime)
    assert second.run(store=store).status == "completed"
    assert bill.calls == 20
    assert store.spends(second.compile().run_id) == {}


def test_a_call_that_is_cancelled_counts_for_the_most_that_it_can_have_used() -> None:
    class Hanging(Steady):
        async def generate(self, case: Case, ctx: Any) -> GenerationResult:
            await asyncio.sleep(60)
            raise AssertionError

    store = InMemoryRunStore()
    hanging = lab(Hanging(Bill(), most=(100, 200)), tasks=2, budget={"tokens": 10_000})

    async def stopped() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await hanging.run_async(store=store)

    asyncio.run(stopped())
    found = cost(store, hanging)
    assert (found.unknown.calls, found.unknown.tokens.total, found.most_tokens) == (2, 600, 600)
    assert found.killed == 0


@pytest.mark.not_smoke
def test_a_throttled_call_gives_its_reservation_back() -> None:
    class Throttling(Steady):
        asked = 0

        async def generate(self, case: Case, ctx: Any) -> GenerationResult:
            self.asked += 1
            if self.asked == 1:
                raise ReplyError(status_code=429, retry_after_s=0.01)
            return await super().generate(case, ctx)

    bill, store = Bill(), InMemoryRunStore()
    throttling = lab(Throttling(bill, most=(100, 100)), count=5, tasks=1, budget={"tokens": 1_000})
    assert throttling.run(store=store).status == "completed"
    assert bill.calls == 5


def test_a_provider_that_counts_more_than_was_asked_for_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = lab(Steady(Bill(), most=(10, 10)), budget={"tokens": 700}).run()
    assert result.reason == "budget"
    warned = [record for record in caplog.records if "runtime.budget may be exceeded" in record.message]
    assert len(warned) == 1


def test_starting_afresh_forgets_what_was_spent() -> None:
    bill, store = Bill(), InMemoryRunStore()
    for policy, calls in (("auto", 5), ("rerun", 10)):
        runtime: dict[str, Any] = {"budget": {"tokens": 1_000}, "existing_run_policy": policy}
        assert lab(Steady(bill, most=(100, 100)), **runtime).run(store=store).reason == "budget"
        assert bill.calls == calls


# --- refused before anything is asked


def test_a_model_without_a_price_is_refused_before_a_run_exists(prices: Path, tmp_path: Path) -> None:
    prices.write_text("prices: []")
    bill, store = Bill(), InMemoryRunStore()
    unpriced = lab(Steady(bill), budget={"usd": 1})
    with pytest.raises(UnknownPriceError, match=f"no price of {MODEL} of lab:charging is known, .* add it to {prices}"):
        unpriced.run(store=store)
    assert (bill.calls, store.list_runs()) == (0, [])
    assert lab(Steady(bill), budget={"tokens": 10_000}).run(store=store).status == "completed"
    assert cost(store, unpriced).usd is None
    assert cost(store, unpriced).document()["unpriced"] == [MODEL]


def test_so_it_is_when_its_job_is_submitted(prices: Path, tmp_path: Path) -> None:
    document = f"""
generation:
  generator: {{use: openai, with: {{model_id: no-such-model, base_url: "http://localhost:1/v1"}}}}
evaluation: {{metrics: [builtin/exact_match]}}
storage: {{store: sqlite, parameters: {{path: s.sqlite3}}}}
datasets: [{{dataset_id: d, cases: [{{case_id: a, input: x}}]}}]
runtime: {{budget: {{usd: 1}}, queue_root: {tmp_path / "queue"}}}
"""
    config = tmp_path / "experiment.yaml"
    config.write_text(document)
    with pytest.raises(UnknownPriceError):
        submit_experiment(Experiment.from_config(config), config_path=str(config))
    assert not (tmp_path / "queue").exists()
    said = CliRunner().invoke(cli, ["config", "validate", "--config", str(config)])
    assert isinstance(said.exception, UnknownPriceError)


def test_a_generator_that_bounds_nothing_is_refused() -> None:
    with pytest.raises(UnboundedCallError, match="'lab/generator' does not say how many tokens"):
        experiment(
            "tests.support.lab:ScriptedGenerator", runtime=RuntimeConfig.model_validate({"budget": {"tokens": 1}})
        ).run()


def test_a_call_without_a_limit_on_its_answer_is_bounded_by_the_size_of_its_model_or_refused(prices: Path) -> None:
    class Endless(Steady):
        def most_tokens(self, case: Case, ctx: Any) -> Any:
            return 100, None

    bill = Bill()
    with pytest.raises(
        RunStoppedError, match=f"nothing limits the length of the answers of {MODEL}.*params.max_tokens"
    ):
        lab(Endless(bill), budget={"usd": 1}).run()
    assert bill.calls == 0
    prices.write_text(PRICES.replace("output: 15", "output: 15, max_output_tokens: 200"))
    assert lab(Endless(bill), budget={"usd": 1}).run().status == "completed"
    prices.write_text(PRICES.replace("output: 15", "output: 15, context_tokens: 1000"))
    assert lab(Endless(bill), budget={"usd": 0.01}).run().reason == "budget"  # $0.0153 a call


def test_a_broken_file_of_prices_ends_no_run_and_loses_no_result(prices: Path, tmp_path: Path) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(
        """
generation: {generator: {use: "tests.unit.engine.spending.test_budgets:made"}}
evaluation: {metrics: [builtin/exact_match]}
storage: {store: memory}
datasets: [{dataset_id: d, cases: [{case_id: a, input: x, expected_output: x}]}]
"""
    )
    prices.write_text("prices: [{model: m}]")
    said = CliRunner().invoke(cli, ["run", "--config", str(config), "--quiet"])
    assert said.exit_code == 0
    assert json.loads(said.stdout)["status"] == "completed"
    assert "the cost is not known" in said.stderr
    assert str(prices) in said.stderr
    with pytest.raises(ConfigError):
        PriceList.read()


def made() -> Steady:
    """A generator for a config file."""
    return Steady(Bill())


def test_the_spend_is_in_the_store_as_it_is_in_memory(tmp_path: Path) -> None:
    bill = Bill()
    kept = lab(Steady(bill, most=(100, 200)), budget={"usd": 0.02}, path=tmp_path / "s.sqlite3")
    assert kept.run().reason == "budget"
    with closing(kept.open_store()) as store:
        record = store.load_standing(kept.compile().run_id)
        assert record is not None
        assert (record.status, (record.error or "").partition(":")[0]) == ("cancelled", "budget")
        assert cost(store, kept).usd == pytest.approx(bill.nano_usd / 1e9)
