"""Log-likelihoods of continuations from a completion endpoint: by its echo, or by force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from themis.adapters.answer import content_of, text_at
from themis.adapters.continuations import echoed, forced
from themis.adapters.continuations.log_probabilities import Token, score_of
from themis.adapters.provider_generator import ProviderGenerator, Request
from themis.adapters.replies import Reply
from themis.adapters.settings import refuse
from themis.core.contexts import GenerateContext
from themis.core.errors import NoContinuationsError, ProviderNotFoundError, ProviderReply
from themis.core.models import Case, GenerationResult, Message

ContinuationMode = Literal["echo", "grammar"]
"""Way of asking for log-likelihoods: a server repeats the text, or one of llama.cpp is forced to generate it."""

USUAL_MODE: ContinuationMode = "echo"

_OF_AN_ANSWER = frozenset(
    {"best_of", "echo", "frequency_penalty", "grammar", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens"}
    | {"n", "presence_penalty", "seed", "stop", "stream", "stream_options", "suffix", "temperature", "top_k", "top_p"}
)
"""Parameters that shape an answer, and have no meaning where none is generated."""

_LLAMA = "a server of llama.cpp does neither: set continuations: grammar of the generator for it"


@dataclass(frozen=True, slots=True)
class ContinuationSettings:
    """Arguments of a generator about continuations.

    Attributes:
        mode: how log-likelihoods are asked for.
        per_call: how many continuations a call can be about; None for any number.
    """

    mode: ContinuationMode
    per_call: int | None


def settings_of_continuations(component_id: str, given: dict[str, Any]) -> tuple[ContinuationSettings, dict[str, Any]]:
    """Return the settings about continuations among the arguments of a generator, and the other arguments.

    Raises:
        ComponentError: one has a value that cannot be.
    """
    rest = dict(given)
    mode, per_call = rest.pop("continuations", None) or USUAL_MODE, rest.pop("continuations_per_call", None)
    if mode not in {"echo", "grammar"}:
        refuse(component_id, f"continuations must be echo or grammar, not {mode!r}")
    if per_call is not None and (isinstance(per_call, bool) or not isinstance(per_call, int) or per_call < 1):
        refuse(component_id, f"continuations_per_call must be a whole number from 1, not {per_call!r}")
    return ContinuationSettings(mode, 1 if mode == "grammar" else per_call), rest


class Continuations:
    """Asks the completion endpoint of a generator for the log-likelihoods of continuations."""

    def __init__(self, generator: ProviderGenerator, mode: ContinuationMode) -> None:
        """Ask as `generator` does, by `mode`."""
        self._generator = generator
        self._mode = mode

    def request(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> Request:
        """Return the request about the continuations `choices`; by grammar it lacks the tokens, which a server knows.

        Raises:
            UnsendableCaseError: an image is named by a path.
        """
        found = self._generator.request(case, ctx)
        body = {name: value for name, value in found.body.items() if name not in _OF_AN_ANSWER}
        left_out = tuple(name for name in found.body if name in _OF_AN_ANSWER)
        context = str(body.pop("prompt"))
        if self._mode == "echo":
            body |= {"prompt": echoed.prompt(context, choices), **echoed.ASKED}
        else:
            (text,) = choices
            body |= {"prompt": context, "grammar": forced.grammar(text.encode()), "max_tokens": len(text.encode())}
        return replace(found, body=body, not_sent=(*found.not_sent, *left_out))

    async def scored(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> GenerationResult:
        """Return the log-likelihoods of continuations of the case's input.

        Raises:
            NoContinuationsError: the server cannot say them.
            ProviderError: there is no reply, or it holds none.
        """
        request = self.request(case, choices, ctx)
        context = str(self._generator.request(case, ctx).body["prompt"])
        if self._mode == "echo":
            reply, latency_ms = await self._generator.timed(request, ctx)
            tokens = self._generator.understood(reply, request, lambda document: self._echo(document, context, choices))
        else:
            split = await self._split(request, context, choices[0], ctx)
            request = replace(request, body={**request.body, **forced.asked(split)})
            reply, latency_ms = await self._generator.timed(request, ctx)
            tokens = [self._generator.understood(reply, request, lambda document: forced.read(document, split))]
        return self._result(case, ctx, request, reply, latency_ms, list(zip(choices, tokens, strict=True)))

    def _echo(self, document: dict[str, Any], context: str, choices: Sequence[str]) -> list[list[Token]]:
        try:
            return echoed.read(document, context, choices)
        except echoed.NoEchoError as error:
            detail = f"{error}; {_LLAMA}"
            raise self._refusal(detail) from error

    async def _split(self, request: Request, context: str, text: str, ctx: GenerateContext) -> forced.Split:
        """Return the tokens of context and continuation, by the server's own tokenizer."""
        generator = self._generator
        asking = Request(forced.tokenizing(context + text), [], path=_beside(generator.endpoint or "", forced.TOKENIZE))
        try:
            reply, _ = await generator.timed(asking, ctx)
        except ProviderNotFoundError as error:
            detail = f"it has no {forced.TOKENIZE}, as servers of llama.cpp have; set continuations: echo for another"
            raise self._refusal(detail) from error

        def read(document: dict[str, Any]) -> forced.Split:
            found = forced.split(document, context, text)
            forced.asked(found)
            return found

        return generator.understood(reply, request, read)

    def _refusal(self, detail: str) -> NoContinuationsError:
        return NoContinuationsError(provider=self._generator.provider_key, detail=detail, reply=ProviderReply())

    def _result(
        self,
        case: Case,
        ctx: GenerateContext,
        request: Request,
        reply: Reply,
        latency_ms: float,
        found: list[tuple[str, list[Token]]],
    ) -> GenerationResult:
        scores = self._generator.understood(reply, request, lambda _: [score_of(*one) for one in found])
        artifacts = reply.artifacts()
        # It repeats the context with all its tokens: what counts of it is kept.
        del artifacts["raw_response"]
        artifacts["continuation_tokens"] = [[[one.text, one.log_probability] for one in tokens] for _, tokens in found]
        best = max(scores, key=lambda score: score.log_likelihood)
        return GenerationResult(
            candidate_id=f"{case.case_id}-candidate-{ctx.seed or 0}",
            final_output=best.text,
            conversation=[Message(role=turn["role"], content=content_of(turn)) for turn in request.turns],
            artifacts=artifacts,
            token_usage=self._generator.usage(reply.document) or None,
            latency_ms=latency_ms,
            served_model=text_at(reply.document, "model"),
            continuations=scores,
        )


def _beside(base_url: str, path: str) -> str:
    """Return the address of what a server has beside its API, whose own path ends in a version."""
    parts = urlsplit(base_url)
    root = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, root + path, parts.query, ""))
