"""Log-likelihoods in place of an answer: the calls of a generator about a case, and the candidate that they make up."""

from collections.abc import Sequence
from typing import Any

from themis.core.engine.cases.step import Step
from themis.core.errors import BadResultError, ContinuationCountError
from themis.core.models import Case, ContinuationScore, GenerationResult, Message
from themis.core.outcomes import codec
from themis.core.outcomes.stages import Stage
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.continuations import ContinuationPrompter, choices_of, letter_of


class ContinuationCalls:
    """The calls about one case, each for as many continuations as the generator takes at once."""

    def __init__(self, generator: Any, template: str, prompt: RunPrompt | None) -> None:
        """Ask `generator` about the continuations that `template` makes, after the contexts of `prompt`."""
        self._prompter = ContinuationPrompter(template, prompt)
        self._keeps_hash = prompt is not None
        self._at_once = getattr(generator, "continuations_per_call", None)
        self._name = str(getattr(generator, "component_id", "the generator"))

    def arguments(self, case: Case) -> list[tuple[Case, list[str]]]:
        """Return the context and the continuations of each call.

        Raises:
            PromptError: the case has no continuations, or they cannot be rendered.
        """
        context, texts = self._prompter.context(case), self._prompter.continuations(case)
        step = self._at_once or len(texts)
        return [(context, texts[first : first + step]) for first in range(0, len(texts), step)]

    def joined(self, case: Case, asked: Sequence[tuple[Case, list[str]]], results: Sequence[Any]) -> GenerationResult:
        """Return the candidate of a case: the likeliest choice is its output, by its letter if the case has choices.

        Raises:
            BadResultError, ContinuationCountError: a call did not return a log-likelihood for each continuation.
        """
        found: list[ContinuationScore] = []
        for (_, texts), result in zip(asked, results, strict=True):
            found += self._checked(texts, result)
        best = max(range(len(found)), key=lambda number: found[number].log_likelihood)
        context = asked[0][0].input
        return GenerationResult(
            candidate_id=results[0].candidate_id,
            final_output=found[best].text if choices_of(case) is None else letter_of(best),
            conversation=results[0].conversation or _conversation(context),
            artifacts=_artifacts(results) | (_prompt_hash(context) if self._keeps_hash else {}),
            token_usage=_sum_of(result.token_usage for result in results),
            latency_ms=_total(result.latency_ms for result in results),
            served_model=results[0].served_model,
            continuations=found,
        )

    def _checked(self, texts: list[str], result: Any) -> list[ContinuationScore]:
        if not isinstance(result, GenerationResult):
            found = type(result).__name__
            raise BadResultError(component=self._name, found=found, expected=GenerationResult.__name__)
        scores = result.continuations or []
        if [score.text for score in scores] != texts:
            raise ContinuationCountError(component=self._name, found=len(scores), expected=len(texts))
        return scores


def continuation_step(generator: Any, calls: ContinuationCalls) -> Step:
    """Return the step that asks a generator about the continuations of a case."""
    provider: str | None = getattr(generator, "provider_key", None)
    method = generator.score_continuations
    return Step(Stage.GENERATE, 0, generator, method, GenerationResult, codec.generated, provider, several=calls)


def _conversation(context: Any) -> list[Message]:
    turns = context if isinstance(context, list) else [{"role": "user", "content": context}]
    return [Message.model_validate(turn) for turn in turns]


def _prompt_hash(context: Any) -> dict[str, Any]:
    from themis.core.prompting.rendering import PROMPT_HASH, prompt_hash  # noqa: PLC0415  # Jinja2 costs 30 ms

    return {PROMPT_HASH: prompt_hash(context)}


def _artifacts(results: Sequence[GenerationResult]) -> dict[str, Any]:
    """Return the artifacts of the calls: those of a single one as they are, of several as a list."""
    if len(results) == 1:
        return dict(results[0].artifacts or {})
    last = (results[-1].artifacts or {}).get("rate_limit")
    return {"calls": [result.artifacts or {} for result in results], **({} if last is None else {"rate_limit": last})}


def _sum_of(usages: Any) -> dict[str, int] | None:
    total: dict[str, int] = {}
    for usage in usages:
        for name, count in (usage or {}).items():
            total[name] = total.get(name, 0) + count
    return total or None


def _total(latencies: Any) -> float | None:
    known = [latency for latency in latencies if latency is not None]
    return sum(known) if known else None
