"""Port of a provider's batches: questions that are sent together, and answered together within a day at a lower price.

A generator whose provider has them has a method `batch_endpoint()`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from themis.core.contexts import GenerateContext
from themis.core.errors import NoBatchesError
from themis.core.models import Case, GenerationResult


@dataclass(frozen=True, slots=True)
class Submission:
    """A batch that is to be submitted, or that may have been.

    Attributes:
        run_id: the run that asks.
        nonce: random text that only this batch has.
        lines: number of its questions.
        intended_ms: when it was about to be submitted, in milliseconds since 1970 UTC.
        path: the file of its questions, one per line; None when it is only looked for.
        file_id: the provider's name for that file, once it is uploaded.
        is_resumed: whether it may have been begun by a process that was killed.
        others: the provider's names of batches that are known to be other ones.
    """

    run_id: str
    nonce: str
    lines: int
    intended_ms: int
    path: Path | None = None
    file_id: str | None = None
    is_resumed: bool = False
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """A batch as the provider describes it.

    Attributes:
        batch_id: the provider's name for it.
        status: the provider's word, with what it says about a failure of the whole batch.
        has_ended: whether nothing more will be answered.
        done, total: its questions that have ended, and all of them.
        results: where its results are, in the provider's own terms.
        is_postponed: whether the provider refused it as a whole for now, such as for too many queued tokens.
    """

    batch_id: str
    status: str
    has_ended: bool
    done: int
    total: int
    results: tuple[str, ...] = ()
    is_postponed: bool = False

    @property
    def text(self) -> str:
        """The provider's description of it, in a line for people."""
        return self.status if self.has_ended or not self.total else f"{self.status} {self.done:,} of {self.total:,}"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Result of one question.

    Attributes:
        custom_id: the name that the question was sent with.
        was_asked: whether the model got it; false when the batch expired or was cancelled before that.
        status: of the single request that it stands for.
        document: the reply, or the error.
        request_id: the provider's name for it.
    """

    custom_id: str
    was_asked: bool
    status: int = 200
    document: Any = None
    request_id: str | None = None


class BatchEndpoint(Protocol):
    """Batches of a provider. Every method that asks the provider may raise a `ProviderError`."""

    @property
    def provider(self) -> str:
        """The provider, by its `provider_key`."""

    @property
    def uploads(self) -> bool:
        """Whether the questions are uploaded as a file first."""

    @property
    def keeps_marks(self) -> bool:
        """Whether the provider keeps the run and the nonce with the batch, so that `find` is certain."""

    def line(self, custom_id: str, case: Case, ctx: GenerateContext) -> bytes:
        """Return the line that asks for one candidate: the body that a single request would have."""

    async def upload(self, submission: Submission) -> str:
        """Upload the file of a batch, and return the provider's name for it."""

    async def create(self, submission: Submission) -> str:
        """Submit a batch, and return the provider's name for it."""

    async def find(self, submission: Submission) -> str | None:
        """Return the provider's name for a batch that may have been submitted; None when it is not in its list."""

    async def look(self, batch_id: str) -> ProviderBatch | None:
        """Return how far a batch is; None when the provider does not have it any more."""

    def results(self, batch: ProviderBatch) -> AsyncIterator[bytes]:
        """Yield the results of a batch that has ended, a line each, in pieces of any length."""

    def result(self, line: bytes) -> BatchResult:
        """Return the result in a line.

        Raises:
            ValueError: it is not one.
        """

    def answer(self, result: BatchResult, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the answer in the result of a question that was asked.

        Raises:
            ProviderError: there is none, see `Generator.generate`.
        """

    async def cancel(self, batch_id: str) -> None:
        """Ask for a batch to end early; what is answered by then stays."""


def has_batches(generator: Any) -> bool:
    """Whether a generator may have batches; `endpoint_of` says so for certain."""
    return callable(getattr(generator, "batch_endpoint", None))


def endpoint_of(generator: Any, *, answers: bool = True) -> BatchEndpoint:
    """Return the batches of the provider that a generator asks, if it is asked for answers.

    Raises:
        NoBatchesError: it has none.
    """
    name = getattr(generator, "component_id", type(generator).__name__)
    if not answers:
        raise NoBatchesError(generator=name, detail="is asked for continuations, which are not questions of a batch")
    if not has_batches(generator):
        raise NoBatchesError(generator=name, detail="has no batch endpoint")
    endpoint: BatchEndpoint = generator.batch_endpoint()
    return endpoint
