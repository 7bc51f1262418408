"""Batches under a budget: reserved before they are sent, settled by what came back, and known after a death."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.batch_lab import attempt
from tests.support.batch_provider import NOT_ASKED, Killed, MortalStore, Steps, failure
from tests.support.charging_batches import (
    BATCHED,
    MOST_BATCHED,
    PRICES,
    SINGLE,
    ChargingRemote,
    charging_model,
    lines_of_batches,
)
from tests.support.lab import cases, experiment
from themis.core.config import RuntimeConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO, nano
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import read_all
from themis.core.engine.batches.cancelling import cancel_batches
from themis.core.errors import BatchWaitError, UnboundedCallError
from themis.core.experiment import Experiment
from themis.core.models import Dataset
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore
from themis.core.stores.batch_rows import BatchState


@pytest.fixture(autouse=True)
def _prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "prices.yaml"))


def runtime(after: float = 0.001, **budget: float) -> RuntimeConfig:
    batch = {"after": after, "poll": after}
    return RuntimeConfig.model_validate({"batch": batch, **({"budget": budget} if budget else {})})


def lab(remote: ChargingRemote, count: int = 10, model: Any = None, **budget: Any) -> Experiment:
    datasets = [Dataset(dataset_id="lab", cases=cases(count))]
    return experiment(model or charging_model(remote), runtime=runtime(**budget), datasets=datasets)


def cost(store: InMemoryRunStore) -> RunCost:
    """The cost of the only run, as the store says."""
    run_id = store.list_runs()[0].run_id
    found = cost_of(read_all(store.spends(run_id).values()), PriceList.read())
    assert found is not None
    return found


def most(store: InMemoryRunStore) -> int:
    """Billionths of a dollar that the only run has cost at most, as the store says."""
    found = cost(store).most_usd
    assert found is not None
    return nano(found)


def test_a_run_within_its_budget_is_one_batch_at_half_the_cost() -> None:
    remote, store = ChargingRemote(), InMemoryRunStore()
    result = lab(remote, usd=0.017).run(store=store)
    assert (result.status, result.progress.completed_cases) == ("completed", 10)
    assert lines_of_batches(remote) == [10]
    found = cost(store)
    assert found.usd == pytest.approx(10 * BATCHED / float(NANO))
    assert most(store) == remote.nano_usd == 10 * SINGLE // 2
    assert (found.known.calls, found.unknown.calls, found.killed) == (10, 0, 0)


@pytest.mark.parametrize("budget", [{"usd": 0.01}, {"tokens": 2_100}, {"usd": 0.01, "tokens": 10_000}])
def test_a_tight_budget_divides_a_run_into_batches_one_after_the_other(budget: dict[str, Any]) -> None:
    store = InMemoryRunStore()
    limit = budget.get("usd", 1) * float(NANO)
    remote = ChargingRemote()

    def check(lines: int) -> None:
        in_flight = sum(len(batch.lines) for batch in remote.batches.values() if batch.results is None) + lines
        assert remote.nano_usd + in_flight * MOST_BATCHED <= limit
        assert "usd" not in budget or most(store) <= limit

    remote.on_create = check
    result = lab(remote, **budget).run(store=store)
    assert (result.status, result.progress.completed_cases) == ("completed", 10)
    assert lines_of_batches(remote) == ([6, 2, 1, 1] if "usd" in budget else [7, 2, 1])
    assert not remote.singles


def test_a_budget_that_is_used_up_ends_the_run_with_all_answers_scored_and_a_larger_one_continues_it() -> None:
    expired = ["a1"]
    store = InMemoryRunStore()
    remote = ChargingRemote(lambda question: NOT_ASKED if question[:2] in expired else "text")
    first = lab(remote, usd=0.008).run(store=store)
    assert (first.status, first.reason) == ("cancelled", "budget")
    assert first.error is not None
    assert first.error.startswith("budget: $0.0072 of $0.0080 used, and the next call may need up to $0.0016")
    assert first.progress.completed_cases == 8
    assert remote.nano_usd == most(store) == 8 * BATCHED
    assert not remote.singles  # a1 would have been asked by itself, at the full price
    expired.clear()
    again = lab(remote, usd=0.008).run(store=store)
    assert (again.status, len(remote.batches)) == ("cancelled", 4)
    last = lab(remote, usd=0.1).run(store=store)
    assert (last.status, last.progress.completed_cases) == ("completed", 10)
    assert sorted(remote.asked.values()) == [1] * 9
    assert remote.nano_usd == most(store) == 9 * BATCHED + SINGLE


def test_lines_that_are_not_charged_for_give_back_what_was_reserved_for_them() -> None:
    said = {"a1": failure(passes=False), "a2": NOT_ASKED, "a3": "uncounted"}
    remote, store = ChargingRemote(lambda question: said.get(question[:2], "text")), InMemoryRunStore()
    lab(remote, 5, usd=0.1).run(store=store)
    found = cost(store)
    assert (found.known.calls, found.unknown.calls) == (3, 1)  # two of the batch, and a2 by itself
    assert most(store) == 2 * BATCHED + SINGLE + MOST_BATCHED


def test_what_a_batch_in_flight_may_cost_is_in_the_store_and_no_killed_process() -> None:
    store = InMemoryRunStore()
    given = lab(ChargingRemote(), after=600.0, usd=0.01)
    with pytest.raises(BatchWaitError):
        attempt(given, store)
    found = cost(store)
    assert (most(store), found.usd, found.killed) == (6 * MOST_BATCHED, 0, 0)


def test_a_batch_that_the_provider_has_lost_counts_for_all_that_it_may_have_cost() -> None:
    remote, store = ChargingRemote(), InMemoryRunStore()

    class Losing(type(charging_model(remote).endpoint)):  # type: ignore[misc]
        async def look(self, batch_id: str) -> Any:
            return None

    model = charging_model(remote)
    model.endpoint = Losing(remote, Steps())
    result = lab(remote, 3, model=model, usd=0.0088).run(store=store)
    assert (result.status, len(remote.singles)) == ("cancelled", 1)  # the next may need $0.0033 of the rest
    assert most(store) == 3 * MOST_BATCHED + SINGLE


def test_a_batch_that_was_cancelled_before_it_was_sent_gives_back_what_was_reserved() -> None:
    remote, store, steps = ChargingRemote(), InMemoryRunStore(), Steps(at=1)
    with pytest.raises(Killed):
        attempt(lab(remote, 4, model=charging_model(remote, steps), usd=0.0066), store)
    assert most(store) == 4 * MOST_BATCHED
    asyncio.run(cancel_batches(store, store.list_runs()[0].run_id, charging_model(remote)))
    assert not [row for row in store.batches(store.list_runs()[0].run_id) if row.is_open]
    result = lab(remote, 4, usd=0.0066).run(store=store)
    assert (result.status, lines_of_batches(remote), most(store)) == ("completed", [4], 4 * BATCHED)


def test_a_batch_from_before_there_was_a_budget_counts_when_it_is_read() -> None:
    remote, store = ChargingRemote(looks=0), InMemoryRunStore()
    with pytest.raises(BatchWaitError):
        attempt(lab(remote, 4, after=0.05), store)
    remote.says = lambda question: NOT_ASKED if question[:2] == "a3" else "text"
    result = lab(remote, 4, usd=0.005).run(store=store)
    assert (result.status, result.reason, result.progress.completed_cases) == ("cancelled", "budget", 3)
    assert most(store) == 3 * BATCHED


def test_a_question_that_nothing_bounds_stops_the_run_before_it_is_sent() -> None:
    remote = ChargingRemote()
    model: Any = charging_model(remote)
    model.most_tokens = lambda case, ctx: (None, 200) if case.case_id == "q1" else (100, 200)
    with pytest.raises(UnboundedCallError, match="the input of case 'q1' refers to what has no known size"):
        lab(remote, 3, model=model, usd=0.1).run(store=InMemoryRunStore())
    assert not remote.batches


BUDGET = 0.008
"""Too small for ten questions at once, and enough for eight."""


def process(remote: ChargingRemote, store: InMemoryRunStore, steps: Steps, *, like_openai: bool) -> RunResult | None:
    """The result of one process's run; None when it died."""
    model = charging_model(remote, steps, like_openai=like_openai)
    try:
        return lab(remote, model=model, usd=BUDGET).run(store=MortalStore(store, steps))
    except Killed:
        return None


@pytest.mark.few(2)
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 11])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("like_openai", [True, False], ids=["like OpenAI", "like Anthropic"])
def test_a_death_at_any_step_overshoots_no_budget_and_forgets_no_charge(
    *, like_openai: bool, after: bool, stride: int
) -> None:
    calm = Steps()
    assert process(ChargingRemote(), InMemoryRunStore(), calm, like_openai=like_openai) is not None
    for at in range(1 + 3 * after + like_openai if stride > 1 else 1, len(calm.names) + 1, stride):
        remote, store = ChargingRemote(), InMemoryRunStore()
        assert process(remote, store, Steps(at, after), like_openai=like_openai) is None, (at, calm.names[at - 1])
        if store.list_runs() and store.spends(store.list_runs()[0].run_id):
            assert remote.nano_usd <= most(store) <= BUDGET * float(NANO)
        else:
            assert not remote.nano_usd
        result = process(remote, store, Steps(), like_openai=like_openai)
        assert result is not None
        assert (result.status, result.progress.completed_cases) == ("cancelled", 8)
        assert remote.nano_usd == most(store) == 8 * BATCHED
        assert all(row.state != BatchState.INTENDED for row in store.batches(result.run_id))
        assert set(remote.asked.values()) == {1}
