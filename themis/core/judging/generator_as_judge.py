"""Generators that judge: the prompt becomes a case, and the answer the response."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from themis.core.contexts import GenerateContext
from themis.core.errors import NoVerdictError
from themis.core.models import Case, ConversationTrace, GenerationResult
from themis.core.text.canonical import content_hash
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt

_MS_PER_S = 1000.0

_hearing: ContextVar[list[GenerationResult] | None] = ContextVar("themis_hearing", default=None)


@contextmanager
def heard_answer() -> Iterator[list[GenerationResult]]:
    """Open a block that hears what generators answer that judge in it: a response has not all of an answer."""
    heard: list[GenerationResult] = []
    before = _hearing.set(heard)
    try:
        yield heard
    finally:
        _hearing.reset(before)


class GeneratorAsJudge:
    """A judge that asks a generator.

    Everything else about the generator (its provider, model, credential, session and limits) is the judge's too.
    """

    def __init__(self, generator: Any) -> None:
        """Judge by the answers of `generator`."""
        self._generator = generator

    def __getattr__(self, name: str) -> Any:
        """Return what the generator has under a name that a judge has not."""
        if name.startswith("__") or name == "_generator":
            raise AttributeError(name)
        return getattr(self._generator, name)

    @property
    def component_id(self) -> str:
        """That of the generator."""
        found: str = self._generator.component_id
        return found

    @property
    def version(self) -> str:
        """That of the generator."""
        found: str = self._generator.version
        return found

    def fingerprint(self) -> str:
        """Return that of the generator, marked as a judge's."""
        return content_hash(["judge", self._generator.fingerprint()])

    @property
    def most_tokens(self) -> Any:
        """The generator's bound of the tokens of a call, for a prompt; absent where it has none."""
        bound = self._generator.most_tokens
        return lambda prompt, *_: bound(_case(prompt), _context(None))

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        """Return the generator's answer to a prompt.

        Raises:
            NoVerdictError: it gave no answer.
        """
        begun = time.monotonic()
        result: GenerationResult = await self._generator.generate(_case(prompt), _context(seed))
        if (heard := _hearing.get()) is not None:
            heard.append(result)
        if result.final_output is None:
            raise NoVerdictError(detail=f"it gave no answer (finish reason: {result.finish_reason or 'not said'})")
        elapsed_ms = (time.monotonic() - begun) * _MS_PER_S
        request_id = (result.artifacts or {}).get("provider_request_id")
        conversation = result.conversation
        return JudgeResponse(
            judge_model_id=self.component_id,
            judge_model_version=result.served_model or self.version,
            judge_model_fingerprint=self.fingerprint(),
            raw_response=result.final_output,
            effective_seed=seed,
            token_usage=result.token_usage,
            latency_ms=elapsed_ms if result.latency_ms is None else result.latency_ms,
            provider_request_id=request_id if isinstance(request_id, str) else None,
            conversation_trace=None
            if conversation is None
            else ConversationTrace(trace_id=result.candidate_id, messages=conversation),
        )


def _case(prompt: RenderedJudgePrompt) -> Case:
    """Return a prompt as a case; its id follows from its content alone."""
    return Case(case_id=f"judge-{content_hash(prompt.content)[:16]}", input=prompt.content)


def _context(seed: int | None) -> GenerateContext:
    return GenerateContext(run_id="judge", case_id="judge", seed=seed, seed_is_given=seed is not None)
