"""The user's file of prices, which comes before all others: prices of models by name, dated, with their source."""

import os
import stat
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from themis.core.base import FrozenModel, NotBool
from themis.core.configuration.config_file import validate
from themis.core.configuration.yaml_text import parse_yaml
from themis.core.cost.rates import Rates, rates_from
from themis.core.cost.spend import BATCH_TIER
from themis.core.errors import ConfigError
from themis.core.values.bounded_numbers import TokenCount

VARIABLE = "THEMIS_PRICES"
"""Variable of the environment that names another file."""

MAX_BYTES = 1024 * 1024

_MOST_USD = 1_000_000.0
_MOST_FACTOR = 100.0
_ANY = "*"

Price = Annotated[float, Field(ge=0, le=_MOST_USD), NotBool]
PriceFactor = Annotated[float, Field(ge=0, le=_MOST_FACTOR), NotBool]


def _day(value: object) -> object:
    if not isinstance(value, str | date):
        msg = "must be a day, such as 2026-11-01"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns it into its own error
    return value


def _one_star(value: str) -> str:
    if _ANY in value[:-1]:
        msg = "may hold * at its end only"
        raise ValueError(msg)
    return value.lower()


Pattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_one_star)]


class _Prices(FrozenModel, defer_build=True):
    """US dollars per million tokens of each kind; a kind without a price is charged like a wider one."""

    input: Price | None = None
    cached_input: Price | None = None
    cache_write: Price | None = None
    cache_write_1h: Price | None = None
    output: Price | None = None
    reasoning: Price | None = None

    def given(self) -> dict[str, Decimal]:
        """The prices that are set, by kind."""
        kinds = _Prices.model_fields
        return {kind: Decimal(str(price)) for kind in kinds if (price := getattr(self, kind)) is not None}


class LongInput(_Prices):
    """Prices of calls with more input than a number of tokens; kinds that are not here keep their price."""

    above: TokenCount


class ModelPrices(_Prices):
    """Prices of a model, or of all whose name begins alike.

    Attributes:
        model: the model that is asked, or that answers; with `*` at its end all that begin so.
        provider: the `provider_key`, or its part before the first colon; None for any.
        since: the first day of these prices; None for always.
        source: where they come from, for people.
        per_call: US dollars for each call, beside its tokens.
        batch: factor on all prices for calls in a batch.
        tiers: factor on all prices by the service tier that the provider names.
        long_input: other prices for long inputs, in the order of their lengths.
        context_tokens: the model's context window.
        max_output_tokens: the most tokens of an answer.
    """

    model: Pattern
    provider: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    since: Annotated[date, BeforeValidator(_day)] | None = None
    source: str | None = None
    input: Price
    output: Price
    per_call: Price = 0.0
    batch: PriceFactor = 1.0
    tiers: dict[str, PriceFactor] = Field(default_factory=dict)
    long_input: list[LongInput] = Field(default_factory=list)
    context_tokens: TokenCount | None = None
    max_output_tokens: TokenCount | None = None

    def rates(self, tier: str, input_tokens: int) -> Rates | None:
        """Return the rates of a call in a tier with so much input."""
        prices: dict[str, Decimal | None] = dict(self.given())
        for longer in sorted(self.long_input, key=lambda one: one.above):
            if input_tokens > longer.above:
                prices |= longer.given()
        factor = Decimal(str(self.batch if tier == BATCH_TIER else self.tiers.get(tier, 1.0)))
        scaled = {kind: None if price is None else price * factor for kind, price in prices.items()}
        dated = "" if self.since is None else f", since {self.since}"
        return rates_from(
            scaled, Decimal(str(self.per_call)) * factor, f"{self.source or 'your file of prices'}{dated}"
        )

    def is_for(self, provider: str, model: str) -> bool:
        """Whether they are those of a model at a provider."""
        if self.provider is not None and self.provider not in {provider, provider.partition(":")[0]}:
            return False
        name = model.lower()
        return name.startswith(self.model[:-1]) if self.model.endswith(_ANY) else name == self.model


class _Document(FrozenModel, defer_build=True):
    """The file: US dollars are its only currency."""

    currency: Literal["USD"] = "USD"
    prices: list[ModelPrices] = Field(max_length=100_000)


class PriceFile(NamedTuple):
    """The user's prices.

    Attributes:
        path: their file; it may not exist.
        prices: in the order of the file.
    """

    path: Path
    prices: tuple[ModelPrices, ...] = ()

    def find(self, provider: str, model: str, day: date) -> ModelPrices | None:
        """Return the prices of a model on a day.

        One with the whole name comes before one with `*`, then one of a later `since`, then one further down.
        """
        best: tuple[tuple[bool, int, date], ModelPrices] | None = None
        for entry in self.prices:
            since = entry.since or date.min
            if model and since <= day and entry.is_for(provider, model):
                rank = (not entry.model.endswith(_ANY), len(entry.model), since)
                if best is None or rank >= best[0]:
                    best = rank, entry
        return None if best is None else best[1]


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the user's file: `THEMIS_PRICES`, else `themis/prices.yaml` in the folder of settings."""
    named = environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    folder = environ.get("XDG_CONFIG_HOME")
    base = Path(folder) if folder and Path(folder).is_absolute() else Path("~/.config").expanduser()
    return base / "themis" / "prices.yaml"


def read_price_file(environ: Mapping[str, str] = os.environ) -> PriceFile:
    """Return the user's prices; none when there is no file, unless the environment names one.

    Raises:
        ConfigError: the file cannot be read, or does not hold prices; one line names the key.
    """
    path = default_path(environ)
    text = _text(path, is_named=bool(environ.get(VARIABLE)))
    if text is None:
        return PriceFile(path)
    raw = parse_yaml(text, where=str(path))
    return PriceFile(
        path, tuple(validate(_Document, raw if raw is not None else {"prices": []}, where=str(path)).prices)
    )


def _text(path: Path, *, is_named: bool) -> str | None:
    where = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        if is_named:
            raise ConfigError(where=VARIABLE, detail=f"there is no file {where}") from None
        return None
    except OSError as error:
        raise ConfigError(where=where, detail=f"cannot be read: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(where=where, detail="is not a regular file")
        data = b""
        while len(data) <= MAX_BYTES and (part := os.read(descriptor, MAX_BYTES + 1 - len(data))):
            data += part
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigError(where=where, detail=f"is larger than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(where=where, detail=f"is not UTF-8 text (byte {error.start})") from None
