"""Estimate of a run's tasks, tokens and cost, without running it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from themis.core.base import JSONValue
from themis.core.components.asked_model import model_of, provider_of
from themis.core.cost.price_list import PriceList
from themis.core.cost.spend import CallGroup, Fate, band_of, day_now
from themis.core.cost.tokenizers import tokenizer_of
from themis.core.cost.tokens import Tokens
from themis.core.engine.cases.prompted import preparation_of
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.prompting.continuations import ContinuationPrompter
from themis.core.results import RunEstimate
from themis.core.snapshot import PURE

_CHARACTERS_A_TOKEN = 4
_OUTPUT_TOKENS_A_CANDIDATE = 256
_OUTPUT_TOKENS_A_CONTINUATION = 1
_TOKENS_OF_INSTRUCTIONS = 200
_OUTPUT_TOKENS_A_JUDGMENT = 128
_DIGITS = 9

_ASSUMED_OF_JUDGES = {
    "judge_calls_per_case_and_metric": 1,
    "prompt_tokens_per_judge_call": f"those of the case and its answer, and {_TOKENS_OF_INSTRUCTIONS}",
    "output_tokens_per_judge_call": _OUTPUT_TOKENS_A_JUDGMENT,
    "asked_judge": "the first",
}


class _Estimated(NamedTuple):
    """Tokens and cost of all prompts, once each.

    Attributes:
        tokens: of the prompts.
        output_tokens: of their answers.
        usd: of the prompts and their answers; None when the price is unknown.
        tokenizer: the name of the encoding that counted; None when the lengths of texts did.
        source: where the price comes from.
    """

    tokens: int
    output_tokens: int
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
    pure = sum(kind == PURE for kind in snapshot.metric_kinds.values())
    judged = len(snapshot.metric_ids) - pure
    answers = total * (1 + candidates if snapshot.scores_each else 1)
    parsers = sum(len(view.parsers) for view in run.components.all_views())
    found = _estimated(run)
    input_tokens = candidates * found.tokens
    output_tokens = candidates * found.output_tokens
    # A judge reads the prompt, its answer and its own instructions.
    prompts = judged * (found.tokens + found.output_tokens + total * _TOKENS_OF_INSTRUCTIONS)
    verdicts = judged * total * _OUTPUT_TOKENS_A_JUDGMENT
    usd = _with_judges(run, found.usd, candidates, prompts, verdicts)
    return RunEstimate(
        run_id=snapshot.run_id,
        total_cases=total,
        candidate_count=candidates,
        metric_count=pure + judged,
        pure_metric_count=pure,
        workflow_metric_count=judged,
        planned_generation_tasks=total * candidates,
        planned_reduction_tasks=total if run.components.reducer else 0,
        planned_parse_tasks=answers * parsers,
        planned_score_tasks=answers * pure,
        estimated_generation_input_tokens=input_tokens,
        estimated_generation_output_tokens=output_tokens,
        estimated_judge_prompt_tokens=prompts,
        estimated_judge_output_tokens=verdicts,
        estimated_total_tokens=input_tokens + output_tokens + prompts + verdicts,
        estimated_cost_usd=None if usd is None else round(float(usd), _DIGITS),
        assumptions={
            "characters_per_token": _CHARACTERS_A_TOKEN,
            **_assumed_outputs(run),
            **(_ASSUMED_OF_JUDGES if judged else {}),
            "retries": "none",
            "tokenizer": found.tokenizer,
            "prices": found.source,
        },
    )


def _estimated(run: CompiledRun) -> _Estimated:
    generator = run.components.generator.live
    provider, model = provider_of(generator) or "", model_of(generator) or ""
    tokenizer = tokenizer_of(model)
    prompts = 0
    bands: Counter[int] = Counter()
    if tokenizer is None:
        # By the length of all prompts together: the roundings of each would add up.
        characters = 0
        for prompt in _prompts(run):
            prompts += 1
            characters += len(prompt)
        tokens = -(-characters // _CHARACTERS_A_TOKEN)
        bands[band_of(tokens // max(prompts, 1))] = tokens
    else:
        for prompt in _prompts(run):
            prompts += 1
            count = tokenizer.count(prompt)
            bands[band_of(count)] += count
    answers = Tokens(output=prompts * next(iter(_assumed_outputs(run).values())))
    usd, source = _priced(provider, model, bands, run.snapshot.total_cases, answers)
    return _Estimated(bands.total(), answers.output, usd, None if tokenizer is None else tokenizer.name, source)


def _with_judges(run: CompiledRun, usd: Decimal | None, candidates: int, prompts: int, verdicts: int) -> Decimal | None:
    """Return US dollars of all candidates, and of the first judge's calls; None when a price is unknown."""
    of_candidates = None if usd is None else usd * candidates
    if not verdicts or not run.components.judges:
        return of_candidates
    judge = run.components.judges[0].live
    provider, model = provider_of(judge) or "", model_of(judge) or ""
    calls = verdicts // _OUTPUT_TOKENS_A_JUDGMENT
    bands = Counter({band_of(prompts // calls): prompts})
    of_judges, _ = _priced(provider, model, bands, calls, Tokens(output=verdicts))
    return None if of_candidates is None or of_judges is None else of_candidates + of_judges


def _assumed_outputs(run: CompiledRun) -> dict[str, int]:
    """Return the tokens that an answer to a prompt is assumed to have, by what the prompt asks for."""
    if run.snapshot.identity.continuation is not None:
        return {"output_tokens_per_continuation": _OUTPUT_TOKENS_A_CONTINUATION}
    return {"output_tokens_per_candidate": _OUTPUT_TOKENS_A_CANDIDATE}


def _priced(
    provider: str, model: str, bands: Counter[int], calls: int, answers: Tokens
) -> tuple[Decimal | None, str | None]:
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
            usd += rates.total(answers, calls)
    return usd, source


def _prompts(run: CompiledRun) -> Iterator[str]:
    """Yield the rendered prompt of each case, or of each of its continuations."""
    identity = run.snapshot.identity
    if identity.continuation is not None:
        yield from _continued(run, ContinuationPrompter(identity.continuation, identity.prompt))
        return
    spec, prepare = identity.generation_prompt_spec, preparation_of(identity.prompt, run.finder)
    for source, known in zip(run.sources, run.fingerprints, strict=True):
        for case in source.cases_again(known):
            asked = case if prepare is None else prepare(case)
            yield _as_text(spec.render_input(asked.input) if spec else asked.input)


def _continued(run: CompiledRun, prompter: ContinuationPrompter) -> Iterator[str]:
    spec = run.snapshot.identity.generation_prompt_spec
    for source, known in zip(run.sources, run.fingerprints, strict=True):
        for case in source.cases_again(known):
            context = prompter.context(case).input
            before = _as_text(spec.render_input(context) if spec else context)
            yield from (before + text for text in prompter.continuations(case))


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
