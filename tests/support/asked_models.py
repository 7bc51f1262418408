"""Questions to one scripted server, in each dialect, plain and streamed: what came of each, and how often it asked."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

import pytest

from tests.support.model_server import ModelServer, Request
from tests.support.model_server.script import Step
from themis.adapters import anthropic, litellm, openai
from themis.core.config import RuntimeConfig
from themis.core.evaluate import evaluate_async
from themis.core.models import GenerationResult
from themis.core.outcomes import codec
from themis.core.outcomes.stages import Stage
from themis.core.results import StageFailure
from themis.core.stores import InMemoryRunStore
from themis.core.stores.stored_cases import StoredCase, iter_cases

RUNTIME: dict[str, Any] = {
    "generation_retry_delay": 0.001,
    "breaker": {"failures": 1_000},
    "adaptive": {"start": 64, "max": 64},
    "max_concurrent_tasks": 64,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A dialect, whole or streamed; `litellm openai` and `litellm anthropic` are asked through LiteLLM."""

    dialect: str
    stream: bool = False

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.dialect}, streamed" if self.stream else self.dialect

    def generator(self, server: ModelServer, model: str, **settings: Any) -> Any:
        """A generator that asks this model."""
        settings = {"stream": self.stream, **settings}
        if self.dialect == "messages":
            return anthropic(model, base_url=server.anthropic_url, **settings)
        if self.dialect.startswith("litellm"):
            family = self.dialect.rpartition(" ")[2]
            url = server.anthropic_url if family == "anthropic" else server.openai_url
            return litellm(f"{family}/{model}", base_url=url, api_key="key-of-the-lab", **settings)
        return openai(model, base_url=server.openai_url, api_mode=self.dialect, **settings)


DIALECTS = ("chat_completions", "responses", "completions", "messages")
VARIANTS = tuple(Variant(dialect, stream) for dialect in DIALECTS for stream in (False, True))


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one case.

    Attributes:
        requests: that it took, as the server saw them.
        tries: the failed ones before the last, as they are stored; one entry for all that were throttled.
        candidate: the answer; None without one.
        failure: why there is none.
        ending: the category of an answer that did not end by itself, as it is stored.
    """

    requests: list[Request]
    tries: list[dict[str, Any]] = field(default_factory=list)
    candidate: GenerationResult | None = None
    failure: StageFailure | None = None
    ending: str | None = None


class ScriptedModels:
    """A server on which each model, asked each question, does what it was told."""

    def __init__(self) -> None:
        self.server = ModelServer(self._step)
        self._steps: dict[tuple[str, str], deque[Step]] = {}
        self._numbers = count()

    def _step(self, request: Request) -> Step:
        steps = self._steps.get((str(request.data.get("model")), request.question))
        if not steps:
            return None
        return steps.popleft() if len(steps) > 1 else steps[0]

    async def ask(
        self, variant: Variant, script: Mapping[str, Sequence[Step]], *, runtime: Mapping[str, Any], **settings: Any
    ) -> dict[str, Asked]:
        """Run one experiment with a case for each entry of the script, and return what came of each.

        Args:
            variant: how to ask.
            script: for each question what the server does with it the first time, the second time, …; the last is for
                all that follow.
            runtime: beside `RUNTIME`.
            settings: of the generator.
        """
        model = f"m{next(self._numbers)}"
        self._steps |= {(model, question): deque(steps) for question, steps in script.items()}
        store = InMemoryRunStore()
        generator = variant.generator(self.server, model, **settings)
        generator.provider_key += f"#{model}"  # so that no other experiment on this server shares its limits
        result = await evaluate_async(
            model=generator,
            data=[{"case_id": question, "input": question, "expected_output": "4"} for question in script],
            metric="builtin/exact_match",
            runtime=RuntimeConfig.model_validate({**RUNTIME, **runtime}),
            store=store,
        )
        snapshot = store.load_snapshot(result.run_id)
        assert snapshot is not None
        asked = [request for request in self.server.questions if request.data.get("model") == model]
        return {case.end.case_id: _asked(case, asked) for case in iter_cases(store, snapshot)}

    def ask_all(
        self, scripts: Mapping[Variant, Mapping[str, Sequence[Step]]], *, runtime: Mapping[str, Any], **settings: Any
    ) -> dict[tuple[Variant, str], Asked]:
        """The same in several variants, all at once; by variant and question."""

        async def all_of_them() -> list[dict[str, Asked]]:
            asking = (self.ask(one, script, runtime=runtime, **settings) for one, script in scripts.items())
            return await asyncio.gather(*asking)

        found = asyncio.run(all_of_them())
        return {
            (variant, question): asked
            for variant, of_variant in zip(scripts, found, strict=True)
            for question, asked in of_variant.items()
        }


def _asked(case: StoredCase, requests: list[Request]) -> Asked:
    (outcome,) = (outcome for outcome in case.outcomes if outcome.stage is Stage.GENERATE)
    return Asked(
        requests=[request for request in requests if request.question == case.end.case_id],
        tries=json.loads(outcome.retries or "[]"),
        candidate=codec.to_generation(outcome) if outcome.ok else None,
        failure=None if outcome.ok else codec.to_failure(outcome),
        ending=outcome.category,
    )


@contextmanager
def scripted_models() -> Iterator[ScriptedModels]:
    """A server that runs until the end of the block.

    Each generator has a client of its own, which reads the certificates of all authorities; here they are read once.
    """
    models = ScriptedModels()
    with models.server, pytest.MonkeyPatch.context() as once:
        once.setattr(ssl, "create_default_context", lru_cache(ssl.create_default_context))
        yield models
