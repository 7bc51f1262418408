"""Estimate of a run's tasks, tokens and cost, without running it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from themis.core.base import JSONValue
from themis.core.cost.price_list import PriceList
from themis.core.cost.spend import CallGroup, Fate, band_of, day_now
from themis.core.cost.tokenizers import tokenizer_of
from themis.core.cost.tokens import Tokens
from themis.core.engine.cases.prompted import preparation_of
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.spending.asked import model_of, provider_of
from themis.core.results import RunEstimate

_CHARACTERS_A_TOKEN = 4
_OUTPUT_TOKENS_A_CANDIDATE = 256
_DIGITS = 9


class _Estimated(NamedTuple):
    """Tokens and cost of all prompts, once each.

    Attributes:
        tokens: of the prompts.
        usd: of the prompts and their answers; None when the price is unknown.
        tokenizer: the name of the encoding that counted; None when the lengths of texts did.
        source: where the price comes from.
    """

    tokens: int
    usd: Decimal | None
    tokenizer: str | None
    source: str | None


def estimate_run(run: CompiledRun) -> RunEstimate:
    """Count the tasks of a run exactly and its tokens roughly; every prompt is rendered, none is sent.

    Raises:
        ConfigError: the user's file of prices cannot be read.
    """
    snapshot = run.snapshot
    total, candidates = snapshot.total_cases, snapshot.candidate_count
    metrics = len(snapshot.metric_ids)
    found = _estimated(run)
    input_tokens = candidates * found.tokens
    output_tokens = total * candidates * _OUTPUT_TOKENS_A_CANDIDATE
    return RunEstimate(
        run_id=snapshot.run_id,
        total_cases=total,
        candidate_count=candidates,
        metric_count=metrics,
        pure_metric_count=metrics,
        workflow_metric_count=0,
        planned_generation_tasks=total * candidates,
        planned_reduction_tasks=total if run.components.reducer else 0,
        planned_parse_tasks=total if run.components.parsers else 0,
        planned_score_tasks=total * metrics,
        estimated_generation_input_tokens=input_tokens,
        estimated_generation_output_tokens=output_tokens,
        estimated_judge_prompt_tokens=0,
        estimated_judge_output_tokens=0,
        estimated_total_tokens=input_tokens + output_tokens,
        estimated_cost_usd=None if found.usd is None else round(float(found.usd * candidates), _DIGITS),
        assumptions={
            "characters_per_token": _CHARACTERS_A_TOKEN,
            "output_tokens_per_candidate": _OUTPUT_TOKENS_A_CANDIDATE,
            "retries": "none",
            "tokenizer": found.tokenizer,
            "prices": found.source,
        },
    )


def _estimated(run: CompiledRun) -> _Estimated:
    generator = run.components.generator.live
    provider, model = provider_of(generator), model_of(generator)
    tokenizer = tokenizer_of(model)
    if tokenizer is None:
        # By the length of all prompts together: the roundings of each would add up.
        tokens = -(-sum(map(len, _prompts(run))) // _CHARACTERS_A_TOKEN)
        mean = tokens // max(run.snapshot.total_cases, 1)
        bands = Counter({band_of(mean): tokens})
    else:
        bands = Counter()
        for prompt in _prompts(run):
            count = tokenizer.count(prompt)
            bands[band_of(count)] += count
    usd, source = _priced(provider, model, bands, run.snapshot.total_cases)
    return _Estimated(bands.total(), usd, None if tokenizer is None else tokenizer.name, source)


def _priced(provider: str, model: str, bands: Counter[int], calls: int) -> tuple[Decimal | None, str | None]:
    """Return US dollars of prompts by the band of their length, with their answers, and the source of the prices."""
    if not provider and not model:
        return None, None
    prices, usd, source = PriceList.read(), Decimal(), None
    for number, (band, tokens) in enumerate(sorted(bands.items())):
        rates = prices.rates(CallGroup(day_now(time.time_ns()), provider, model, "", "", band, Fate.ANSWERED))
        if rates is None:
            return None, None
        source = rates.source
        # The answers are in the first band: few prompts are long, and an estimate knows no answer's length.
        usd += rates.total(Tokens(input=tokens), 0)
        if number == 0:
            usd += rates.total(Tokens(output=calls * _OUTPUT_TOKENS_A_CANDIDATE), calls)
    return usd, source


def _prompts(run: CompiledRun) -> Iterator[str]:
    """Yield the rendered prompt of each case."""
    spec, prepare = run.snapshot.identity.generation_prompt_spec, preparation_of(run.snapshot.identity.prompt)
    for source, known in zip(run.sources, run.fingerprints, strict=True):
        for case in source.cases_again(known):
            asked = case if prepare is None else prepare(case)
            yield _as_text(spec.render_input(asked.input) if spec else asked.input)


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
