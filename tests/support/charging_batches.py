"""A provider that charges half for what it answers in batches, and a generator that asks it under a budget."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.batch_provider import NOT_ASKED, BatchModel, Endpoint, Remote, Steps
from tests.support.charging_provider import MODEL
from themis.core.contexts import GenerateContext
from themis.core.cost.tokens import MostTokens
from themis.core.engine.batch_endpoint import BatchResult, Submission
from themis.core.models import Case, GenerationResult

PRICES = f"prices: [{{model: {MODEL}, input: 3, output: 15, batch: 0.5, source: the test's own}}]\n"
BATCHED, SINGLE = 900_000, 1_800_000
"""Billionths of a dollar that an answer costs: 100 tokens of input and 100 of output."""

MOST_BATCHED, MOST_SINGLE = 1_650_000, 3_300_000
"""The most that it may cost: 100 tokens of input and 200 of output."""

_USAGE = {"prompt_tokens": 100, "completion_tokens": 100}


@dataclass
class ChargingRemote(Remote):
    """A provider with a bill.

    Attributes:
        nano_usd: billionths of a dollar that it has charged.
        on_create: called when a batch is about to be made, with its number of questions.
    """

    nano_usd: int = 0
    on_create: Callable[[int], None] = field(default=lambda _: None)

    def answer(self, question: str) -> Any:
        found = super().answer(question)
        if found is not NOT_ASKED and not isinstance(found, Exception):
            self.nano_usd += BATCHED
        return found


class ChargingEndpoint(Endpoint):
    """Batches whose answers count their tokens."""

    remote: ChargingRemote

    async def create(self, submission: Submission) -> str:
        self.remote.on_create(submission.lines)
        return await super().create(submission)

    def answer(self, result: BatchResult, case: Case, ctx: GenerateContext) -> GenerationResult:
        found = super().answer(result, case, ctx)
        usage = None if found.final_output == "uncounted" else _USAGE
        return found.model_copy(update={"token_usage": usage, "artifacts": {"service_tier": "batch"}})


class ChargingBatchModel(BatchModel):
    """A generator that says what a call uses at most."""

    provider_key = "remote:lab"
    model_id = MODEL

    def most_tokens(self, case: Case, ctx: GenerateContext) -> MostTokens:
        return MostTokens(100, 200, tier="priority")  # which means nothing in a batch

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        found = await super().generate(case, ctx)
        remote = self.endpoint.remote
        assert isinstance(remote, ChargingRemote)
        remote.nano_usd += SINGLE
        return found.model_copy(update={"token_usage": _USAGE})


def charging_model(remote: ChargingRemote, steps: Steps | None = None, *, like_openai: bool = True) -> BatchModel:
    """A generator that asks `remote`, in a process that dies as `steps` say."""
    return ChargingBatchModel(ChargingEndpoint(remote, steps or Steps(), like_openai=like_openai))


def lines_of_batches(remote: Remote) -> list[int]:
    """The number of questions of each batch that was made."""
    return [len(batch.lines) for batch in remote.batches.values()]
