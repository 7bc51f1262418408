"""Anthropic's batches of messages: the questions come in the request, and the results are one file.

A batch has no place for marks of ours. One that a killed process may have submitted is known by its time and its number
of questions, and proves to be ours only by the names of its results; see `BatchRow.adopted`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from themis.adapters.apis import messages
from themis.adapters.batches.endpoint import Endpoint, line_document
from themis.adapters.batches.transport import count, encoded
from themis.adapters.failures import status_within
from themis.core.contexts import GenerateContext
from themis.core.engine.batch_endpoint import BatchResult, ProviderBatch, Submission
from themis.core.errors import ProviderNotFoundError
from themis.core.models import Case

_BATCHES = f"{messages.PATH}/batches"
_PAGE = 100
_SKEW_S = 600
"""Seconds by which this machine's clock may be ahead of the provider's."""

_KINDS = ("succeeded", "errored", "canceled", "expired")
_OPENING, _CLOSING, _BETWEEN = b'{"requests":[', b"]}", b","
_OTHERWISE = 500


class AnthropicBatches(Endpoint):
    """Batches of Anthropic."""

    uploads = False
    keeps_marks = False

    def line(self, custom_id: str, case: Case, ctx: GenerateContext) -> bytes:
        """Return the line that asks for one candidate."""
        return encoded({"custom_id": custom_id, "params": self._body(case, ctx)})

    async def upload(self, submission: Submission) -> str:
        """Never called: the questions come in the request."""
        raise NotImplementedError(submission)

    async def create(self, submission: Submission) -> str:
        """Submit a batch."""
        path = submission.path
        assert path is not None, "the questions are in a file"  # noqa: S101
        return str((await self._transport.post_content(_BATCHES, _request(path)))["id"])

    async def find(self, submission: Submission) -> str | None:
        """Return the name of the oldest batch that may be this one."""
        since_s = submission.intended_ms / 1000 - _SKEW_S
        found = None
        async for batch in self._transport.pages(_BATCHES, {"limit": _PAGE}, "after_id"):
            created_s = _seconds(batch.get("created_at"))
            if created_s is not None and created_s < since_s:
                break
            batch_id = str(batch.get("id"))
            if batch_id not in submission.others and _total(batch.get("request_counts")) == submission.lines:
                found = batch_id
        return found

    async def look(self, batch_id: str) -> ProviderBatch | None:
        """Return how far a batch is."""
        try:
            batch = await self._transport.get(f"{_BATCHES}/{batch_id}")
        except ProviderNotFoundError:
            return None
        counts, has_ended = batch.get("request_counts"), batch.get("processing_status") == "ended"
        return ProviderBatch(
            batch_id=batch_id,
            status=str(batch.get("processing_status")),
            has_ended=has_ended,
            done=sum(count(counts, kind) for kind in _KINDS),
            total=_total(counts),
            results=(f"{_BATCHES}/{batch_id}/results",) if has_ended and batch.get("results_url") else (),
        )

    async def results(self, batch: ProviderBatch) -> AsyncIterator[bytes]:
        """Yield the results of a batch."""
        for path in batch.results:
            async for piece in self._transport.stream(path):
                yield piece

    def result(self, line: bytes) -> BatchResult:
        """Return the result in a line."""
        document = line_document(line)
        found = document.get("result")
        result = found if isinstance(found, dict) else {}
        kind = result.get("type")
        if kind == "succeeded":
            return BatchResult(document["custom_id"], was_asked=True, document=result.get("message"))
        if kind == "errored":
            return _errored(document["custom_id"], result.get("error"))
        return BatchResult(document["custom_id"], was_asked=False)

    async def cancel(self, batch_id: str) -> None:
        """Ask for a batch to end early."""
        await self._transport.post(f"{_BATCHES}/{batch_id}/cancel", {})


async def _request(path: Path) -> AsyncIterator[bytes]:
    """Yield a request with the questions in a file, which may be too large for memory."""
    yield _OPENING
    with path.open("rb") as lines:
        for number, line in enumerate(lines):
            yield _BETWEEN + line.rstrip(b"\n") if number else line.rstrip(b"\n")
    yield _CLOSING


def _errored(custom_id: str, error: Any) -> BatchResult:
    """Return the result of a question that failed, with the status that a single request would have got."""
    status = (status_within(error) if isinstance(error, dict) else None) or _OTHERWISE
    return BatchResult(custom_id, was_asked=True, status=status, document=error)


def _total(counts: Any) -> int:
    return sum(count(counts, kind) for kind in ("processing", *_KINDS))


def _seconds(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None
