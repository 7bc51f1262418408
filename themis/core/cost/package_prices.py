"""Prices of the package `genai-prices`, which keeps those of many providers with their dates; imported when used."""

import importlib
import importlib.util
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from themis.core.cost.rates import Rates, rates_from
from themis.core.cost.spend import BATCH_TIER
from themis.core.python.distributions import installed_version

PACKAGE = "genai_prices"
EXTRA = "prices"

_ATTRIBUTES = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
}
_THOUSAND = Decimal(1_000)
_END_OF_DAY = time(23, 59, 59, tzinfo=UTC)


class PackagedModel(NamedTuple):
    """A model that the package knows.

    Attributes:
        info: its entry.
    """

    info: Any

    @property
    def context_tokens(self) -> int | None:
        """Its context window, if the package knows it."""
        found = self.info.context_window
        return found if isinstance(found, int) and found > 0 else None

    def rates(self, day: date, tier: str, input_tokens: int) -> Rates | None:
        """Return the rates of a call on a day, in a service tier, with so much input; None without prices of tokens."""
        asked = {"processing": BATCH_TIER} if tier == BATCH_TIER else {"service_tier": tier} if tier else None
        prices = self.info.get_prices(datetime.combine(day, _END_OF_DAY), asked)
        found = {kind: _step(getattr(prices, name, None), input_tokens) for kind, name in _ATTRIBUTES.items()}
        per_call = _step(getattr(prices, "requests_kcount", None), input_tokens) or Decimal()
        return rates_from(found, per_call / _THOUSAND, f"{PACKAGE.replace('_', '-')} {_version()}")


def is_installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def find(provider: str, model: str) -> PackagedModel | None:
    """Return a model of a provider, named by its `provider_key`; None when the package knows none.

    A provider is known by its address, so that a model on a server of one's own has not the price of its namesake.
    """
    if not model or not is_installed():
        return None
    snapshot = importlib.import_module(f"{PACKAGE}.data_snapshot").get_snapshot()
    kind, _, where = provider.partition(":")
    named, url = (None, where) if "://" in where else (where if kind == "litellm" else None, None)
    if named is None and url is None:
        return None
    name = model.removeprefix(f"{named}/") if named else model
    try:
        return PackagedModel(snapshot.find_provider_model(name, None, named, url)[1])
    except LookupError:
        return None


def _step(price: Any, input_tokens: int) -> Decimal | None:
    """Return a price, of several by the length of the input the one for this length."""
    if price is None or isinstance(price, Decimal):
        return price
    found: Decimal = price.base
    for tier in price.tiers:
        if input_tokens > tier.start:
            found = tier.price
    return found


def _version() -> str:
    return installed_version("genai-prices") or "of an unknown version"
