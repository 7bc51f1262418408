"""Sums of what a run has cost, by hand."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from themis.core.cost.price_file import ModelPrices, PriceFile
from themis.core.cost.price_list import PriceList
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import CallGroup, Ceiling, Fate, Spend
from themis.core.cost.tokens import Tokens
from themis.core.reporting import costs

DAY = date(2026, 11, 20).toordinal() - date(1970, 1, 1).toordinal()
PRICES = PriceList(
    PriceFile(
        Path("prices.yaml"),
        (
            ModelPrices(
                model="m", input=1, cached_input=0.1, output=10, batch=0.5, per_call=0.01, since=date(2026, 1, 1)
            ),
        ),
    )
)


def group(*, model: str = "m", fate: Fate = Fate.ANSWERED, tier: str = "", served: str = "") -> CallGroup:
    return CallGroup(DAY, "lab:here", model, served, tier, 0, fate)


def spend(*rows: tuple[CallGroup, int, Tokens], ceiling: Ceiling | None = None, has_ended: bool = True) -> Spend:
    found = Spend(ceiling=ceiling, has_ended=has_ended)
    for row in rows:
        found.add(*row)
    return found


def cost(*spends: Spend) -> RunCost:
    found = cost_of(spends, PRICES)
    assert found is not None
    return found


def test_a_run_that_asked_no_model_has_no_cost() -> None:
    assert cost_of([], PRICES) is None


def test_the_kinds_of_all_executions_are_added_up() -> None:
    first = spend((group(), 2, Tokens(input=1_000_000, cached_input=1_000_000, output=100_000, reasoning=100_000)))
    second = spend((group(fate=Fate.FAILED), 1, Tokens(input=500_000)))
    found = cost(first, second)
    # 1.5 in, 0.1 cached, 1 out, 1 thought, and three calls of a cent
    assert found.usd == pytest.approx(1.5 + 0.1 + 1 + 1 + 0.03)
    assert (found.known.calls, found.failed.calls, found.failed.total_usd) == (3, 1, Decimal("0.51"))
    document = found.document()
    assert document["by_kind"]["reasoning"] == {"tokens": 100_000, "usd": 1.0}
    assert document["failed"] == {"calls": 1, "tokens": 500_000, "usd": 0.51}
    assert document["prices"] == ["your file of prices, since 2026-01-01"]


def test_what_came_by_a_batch_costs_half() -> None:
    tokens = Tokens(input=1_000, cached_input=200, output=300)
    single, batch = cost(spend((group(), 4, tokens))), cost(spend((group(tier="batch"), 4, tokens)))
    assert single.usd is not None
    assert batch.usd == single.usd / 2


def test_calls_of_unknown_usage_are_apart_and_in_the_most_that_it_can_have_cost() -> None:
    found = cost(spend((group(), 1, Tokens(output=100_000)), (group(fate=Fate.UNKNOWN), 2, Tokens(output=200_000))))
    assert (found.usd, found.most_usd) == (1.01, Decimal("3.03"))
    assert (found.known.tokens.total, found.most_tokens) == (100_000, 300_000)
    assert list(costs.remarks(found)) == [
        "Nobody has counted the tokens of 2 calls, at most $2.0200 more.",
        "Prices: your file of prices, since 2026-01-01.",
    ]


def test_what_a_killed_process_left_in_flight_is_in_it_too() -> None:
    used = (group(), 1, Tokens(output=100_000))
    killed = spend(used, ceiling=Ceiling(5_000_000_000, 700_000), has_ended=False)
    found = cost(killed, spend(used))
    assert (found.usd, found.most_usd) == (2.02, Decimal("6.01"))
    assert (found.most_tokens, found.killed) == (800_000, 1)
    assert "With what processes left in flight that were killed, it is at most $6.0100." in list(costs.remarks(found))


def test_calls_that_nobody_counted_of_a_model_without_a_price_cost_nobody_knows_what() -> None:
    found = cost(spend((group(model="odd", fate=Fate.UNKNOWN), 3, Tokens())))
    assert (found.usd, found.most_usd) == (None, None)
    assert found.document()["by_kind"]["input"] == {"tokens": 0, "usd": None}
    free = cost(spend((group(fate=Fate.UNKNOWN), 3, Tokens())))
    assert (free.usd, free.document()["by_kind"]["input"]) == (0.0, {"tokens": 0, "usd": 0.0})


def test_one_model_without_a_price_makes_the_sum_unknown_and_not_less() -> None:
    found = cost(spend((group(), 1, Tokens(input=1_000)), (group(model="", served="odd"), 1, Tokens(input=1))))
    assert (found.usd, found.most_usd, found.unpriced) == (None, None, {"odd"})
    assert {row["model"]: row["usd"] for row in found.document()["models"]} == {"m": 0.011, "odd": None}
    assert [row[1:] for row in costs.by_kind(found)] == [("1,001", "unknown"), ("1,001", "unknown")]
    assert list(costs.cost_rows(found)) == [
        ("lab:here", "m", "input", 1_000, 0.001),
        ("lab:here", "m", "calls", 1, 0.01),
        ("lab:here", "odd", "input", 1, None),
    ]


@pytest.mark.parametrize(
    ("usd", "shown"), [(None, "unknown"), (0.0, "$0.0000"), (1234.5, "$1,234.5000"), (0.00001234, "$0.0000123")]
)
def test_dollars_are_shown_for_people(usd: float | None, shown: str) -> None:
    assert costs.dollars(usd) == shown
