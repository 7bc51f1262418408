"""Prices of models: the package's by hand, the user's first, and none where none is known."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from themis.core.cost import package_prices
from themis.core.cost.price_file import PriceFile
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import Rates, nano
from themis.core.cost.spend import CallGroup, Fate, band_of
from themis.core.cost.tokens import Tokens
from themis.core.errors import ConfigError

OPENAI, ANTHROPIC = "openai:https://api.openai.com/v1", "anthropic:https://api.anthropic.com"
DAY = date(2026, 11, 20).toordinal() - date(1970, 1, 1).toordinal()


def group(provider: str, model: str, *, served: str = "", tier: str = "", inside: int = 0, day: int = DAY) -> CallGroup:
    return CallGroup(day, provider, model, served, tier, band_of(inside), Fate.ANSWERED)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("prices: []")
    return tmp_path / "prices.yaml"


def written(file: Path, text: str) -> PriceList:
    file.write_text(text)
    return PriceList.read()


# --- the package's, computed by hand from the providers' own pages: dollars per million tokens

ONE_OF_EACH = Tokens(input=1_000_000, cached_input=1_000_000, output=1_000_000, reasoning=1_000_000)


@pytest.mark.parametrize(
    ("provider", "model", "tokens", "tier", "usd"),
    [
        # gpt-4o-mini: 0.15 in, 0.075 cached, 0.60 out; half in a batch
        (OPENAI, "gpt-4o-mini", Tokens(input=2_000, cached_input=1_000, output=500), "", "0.000675"),
        (OPENAI, "gpt-4o-mini", Tokens(input=2_000, output=500), "batch", "0.0003"),
        # gpt-5: 1.25 in, 0.125 cached, 10 out, thoughts among them; half with flex, twice with priority
        (OPENAI, "gpt-5", ONE_OF_EACH, "", "21.375"),
        (OPENAI, "gpt-5", ONE_OF_EACH, "flex", "10.6875"),
        (OPENAI, "gpt-5", ONE_OF_EACH, "priority", "42.75"),
        (OPENAI, "gpt-5", ONE_OF_EACH, "batch", "10.6875"),
        # claude-opus-4-5: 5 in, 0.50 from the cache, 6.25 into it, 10 for an hour, 25 out
        (ANTHROPIC, "claude-opus-4-5", Tokens(1_000, 10_000, 2_000, 100, 400), "", "0.0335"),
        (ANTHROPIC, "claude-opus-4-5", Tokens(1_000, 10_000, 2_000, 100, 400), "batch", "0.01675"),
    ],
)
def test_prices_of_known_models_are_those_of_their_providers(
    file: Path, provider: str, model: str, tokens: Tokens, tier: str, usd: str
) -> None:
    rates = PriceList.read().rates(group(provider, model, tier=tier))
    assert rates is not None
    assert rates.total(tokens) == Decimal(usd)
    assert rates.source.startswith("genai-prices ")


def test_a_long_input_has_its_own_price(file: Path) -> None:
    # claude-sonnet-4-5: 3 in, 15 out; beyond 200,000 tokens of input 6 and 22.50
    prices = PriceList.read()
    short = prices.rates(group(ANTHROPIC, "claude-sonnet-4-5", inside=200_000))
    long = prices.rates(group(ANTHROPIC, "claude-sonnet-4-5", inside=200_001))
    assert short is not None
    assert long is not None
    assert short.total(Tokens(input=200_000, output=1_000)) == Decimal("0.615")
    assert long.total(Tokens(input=200_001, output=1_000)) == Decimal("1.222506")


def test_a_model_of_an_earlier_day_has_the_price_of_that_day(file: Path) -> None:
    now = PriceList.read().rates(group(OPENAI, "o3"))
    before = PriceList.read().rates(
        group(OPENAI, "o3", day=date(2025, 5, 1).toordinal() - date(1970, 1, 1).toordinal())
    )
    assert now is not None
    assert before is not None
    assert [float(found.by_kind["input"]) for found in (now, before)] == [2, 10]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (OPENAI, "no-such-model"),
        ("openai:http://localhost:8080/v1", "gpt-5"),  # a namesake on a server of one's own
        ("vllm:http://10.0.0.1:8000/v1", "gpt-5"),
        ("langgraph:agent", "gpt-5"),
        ("", "gpt-5"),
        (OPENAI, ""),
        ("litellm:no-such-provider", "no-such-provider/m"),
    ],
)
def test_a_model_that_nobody_knows_has_no_price(file: Path, provider: str, model: str) -> None:
    assert PriceList.read().rates(group(provider, model)) is None


def test_a_model_behind_litellm_has_the_price_of_its_provider(file: Path) -> None:
    found = PriceList.read().rates(group("litellm:anthropic", "anthropic/claude-opus-4-5"))
    assert found is not None
    assert found.by_kind["output"] == 25


def test_without_the_package_only_the_users_prices_are_known(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_prices, "is_installed", lambda: False)
    package_prices.find.cache_clear()
    prices = written(file, "prices: [{model: mine, input: 1, output: 2}]")
    assert prices.rates(group(OPENAI, "gpt-5")) is None
    assert prices.rates(group(OPENAI, "mine")) is not None
    package_prices.find.cache_clear()


# --- the user's


def test_the_users_file_comes_first_and_the_model_that_answered_before_the_one_asked(file: Path) -> None:
    prices = written(
        file,
        """
prices:
- {model: gpt-5, input: 7, output: 8, source: our contract}
- {model: gpt-5-2025-08-07, input: 9, output: 10}
""",
    )

    def price(model: str, served: str = "", provider: str = OPENAI) -> tuple[float, str]:
        found = prices.rates(group(provider, model, served=served))
        assert found is not None
        return float(found.by_kind["input"]), found.source

    assert price("gpt-5") == (7, "our contract")
    assert price("gpt-5", "gpt-5-2025-08-07") == (9, "your file of prices")
    assert price("gpt-5", "another-alias") == (7, "our contract")
    assert price("GPT-5") == (7, "our contract")
    assert price("my-deployment", "gpt-5-mini-2025-08-07")[0] == 0.25  # neither name is in the file


def test_kinds_without_a_price_are_charged_like_wider_ones(file: Path) -> None:
    prices = written(
        file,
        """
prices:
- {model: plain, input: 1, output: 4}
- {model: full, input: 1, cached_input: 0.1, cache_write: 2, cache_write_1h: 3, output: 4, reasoning: 5, per_call: 0.01}
""",
    )
    plain, full = prices.rates(group("p", "plain")), prices.rates(group("p", "full"))
    assert plain is not None
    assert full is not None
    each = Tokens(*[1_000_000] * 6)
    assert plain.cost(each) == {
        "input": 1,
        "cached_input": 1,
        "cache_write": 1,
        "cache_write_1h": 1,
        "output": 4,
        "reasoning": 4,
        "calls": 0,
    }
    assert full.total(each, calls=3) == Decimal("15.13")
    most = full.highest(Tokens(input=1_000_000, output=1_000_000))
    assert most == {"input": 3, "output": 5, "calls": Decimal("0.01")}


def test_a_factor_holds_for_a_tier_and_for_batches_and_long_inputs_have_other_prices(file: Path) -> None:
    prices = written(
        file,
        """
prices:
- model: m
  input: 2
  output: 10
  batch: 0.5
  tiers: {flex: 0.4}
  long_input: [{above: 200000, input: 4}, {above: 100000, input: 3, output: 15}]
""",
    )

    def pair(tier: str, inside: int) -> tuple[float, float]:
        found = prices.rates(group("p", "m", tier=tier, inside=inside))
        assert found is not None
        return float(found.by_kind["input"]), float(found.by_kind["output"])

    assert pair("", 100_000) == (2, 10)
    assert pair("", 100_001) == (3, 15)
    assert pair("", 200_001) == (4, 15)
    assert pair("batch", 0) == (1, 5)
    assert pair("flex", 0) == (0.8, 4)
    assert pair("priority", 0) == (2, 10)


def test_the_most_exact_and_the_latest_prices_hold(file: Path) -> None:
    prices = written(
        file,
        """
prices:
- {model: "*", provider: vllm, input: 0, output: 0}
- {model: gpt-*, input: 1, output: 1}
- {model: gpt-5, since: 2026-11-21, input: 3, output: 3}
- {model: gpt-5, since: 2026-01-01, input: 2, output: 2}
- {model: gpt-5, provider: "openai:http://here", input: 4, output: 4}
""",
    )

    def price(provider: str, model: str, day: int = DAY) -> Decimal | None:
        found = prices.rates(group(provider, model, day=day))
        return None if found is None else found.by_kind["input"]

    assert price("vllm:http://x", "anything") == 0
    assert price("openai:http://x", "anything") is None
    assert price("openai:http://x", "gpt-4") == 1
    assert price("openai:http://x", "gpt-5") == 2
    assert price("openai:http://x", "gpt-5", DAY + 1) == 3
    assert price("openai:http://x", "gpt-5", DAY - 400) == 1


def test_the_size_of_a_model_is_the_users_or_the_packages(file: Path) -> None:
    prices = written(file, "prices: [{model: m, input: 1, output: 1, context_tokens: 10, max_output_tokens: 5}]")
    assert prices.limits("p", "m", date(2026, 11, 1)) == (10, 5)
    assert prices.limits(OPENAI, "gpt-4o", date(2026, 11, 1)) == (128_000, None)
    assert prices.limits("p", "other", date(2026, 11, 1)) == (None, None)


# --- its file


def test_the_file_is_that_of_the_environment_or_in_the_folder_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THEMIS_PRICES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert PriceList.read().file == PriceFile(tmp_path / "themis" / "prices.yaml")
    (tmp_path / "themis").mkdir()
    (tmp_path / "themis" / "prices.yaml").write_text("prices: [{model: m, input: 1, output: 1}]")
    assert len(PriceList.read().file.prices) == 1
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match=r"THEMIS_PRICES: there is no file .*none\.yaml"):
        PriceList.read()
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("THEMIS_PRICES")
    assert PriceList.read().file.path == tmp_path / "home" / ".config" / "themis" / "prices.yaml"


def test_the_file_in_the_guide_is_valid(file: Path) -> None:
    guide = Path(__file__).parents[3] / "docs" / "guides" / "costs-and-budgets.md"
    text = guide.read_text(encoding="utf-8").partition("```yaml\n# US dollars")[2].partition("```")[0]
    prices = written(file, f"# US dollars{text}")
    assert [entry.model for entry in prices.file.prices] == ["gpt-5.4-mini", "claude-*", "qwen3-8b"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "prices: []\n"])
def test_a_file_without_prices_is_no_mistake(file: Path, text: str) -> None:
    assert written(file, text).file.prices == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices: [{model: m, input: -1, output: 1}]", r"prices\.0\.input"),
        ("prices: [{model: m, input: .nan, output: 1}]", r"prices\.0\.input"),
        ("prices: [{model: m, input: 1e99, output: 1}]", r"prices\.0\.input"),
        ("prices: [{model: m, input: true, output: 1}]", r"prices\.0\.input"),
        ("prices: [{model: m, input: 1}]", r"prices\.0\.output"),
        ("prices: [{model: m, input: 1, output: 1, inputs: 1}]", "unknown key 'prices.0.inputs'"),
        ("prices: [{model: 'a*b', input: 1, output: 1}]", "at its end only"),
        ("prices: [{model: '', input: 1, output: 1}]", r"prices\.0\.model"),
        ("prices: [{model: m, input: 1, output: 1, since: 5}]", "must be a day"),
        ("prices: [{model: m, input: 1, output: 1, since: yesterday}]", r"prices\.0\.since"),
        ("prices: [{model: m, input: 1, output: 1, batch: 1000}]", r"prices\.0\.batch"),
        ("prices: [{model: m, input: 1, output: 1, long_input: [{input: 1}]}]", r"long_input\.0\.above"),
        ("{currency: EUR, prices: []}", "currency"),
        ("price: []", "unknown key 'price'"),
        ("[1]", "dictionary|mapping|object"),
        ("a: [", "YAML|expected"),
        ("prices: &a [*a]", "recursive|alias|itself|nested|dictionary|mapping|object"),
        ("prices: " + "[" * 5_000, "nest|deep|YAML|expected"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_clear_line(file: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        written(file, text)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_one_is_refused_without_reading_it_whole(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        PriceList.read()
    file.write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="larger than"):
        PriceList.read()
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="is not a regular file"):
        PriceList.read()
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="not a regular file"):
        PriceList.read()


def test_billionths_of_a_dollar_are_rounded_up() -> None:
    assert [nano(Decimal(text)) for text in ("0", "1", "0.0000000001", "0.0000000020")] == [0, 10**9, 1, 2]
    assert Rates({}, Decimal(), "").per_call == 0
