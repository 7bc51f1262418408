"""OpenAI's batches: a file of questions is uploaded, a batch is made of it, and its results are files too."""

from collections.abc import AsyncIterator
from typing import Any

from themis.adapters.batches.endpoint import Endpoint, line_document
from themis.adapters.batches.transport import count, encoded
from themis.core.contexts import GenerateContext
from themis.core.engine.batch_endpoint import BatchResult, ProviderBatch, Submission
from themis.core.errors import NoBatchesError, ProviderNotFoundError
from themis.core.models import Case

_BATCHES, _FILES = "/batches", "/files"
_VERSION = "/v1"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_PAGE = 100
_SKEW_S = 86_400
"""Seconds by which this machine's clock may be ahead of the provider's."""
_NEWLINE = b"\n"
_MOST_ERRORS = 3
_QUEUE_IS_FULL = "token_limit_exceeded"


class OpenAIBatches(Endpoint):
    """Batches of OpenAI, or of a server that offers them at the same paths."""

    uploads = True
    keeps_marks = True

    def line(self, custom_id: str, case: Case, ctx: GenerateContext) -> bytes:
        """Return the line that asks for one candidate."""
        body = self._body(case, ctx)
        return encoded({"custom_id": custom_id, "method": "POST", "url": self._url, "body": body})

    async def upload(self, submission: Submission) -> str:
        """Upload the file of a batch, unless a killed process has; return its name.

        Raises:
            NoBatchesError: the server has no files, and so no batches.
        """
        path, name = submission.path, _file_name(submission)
        assert path is not None, "the questions are in a file"  # noqa: S101
        known = await self._uploaded(name, submission) if submission.is_resumed else None
        if known is not None:
            return known
        try:
            with path.open("rb") as lines:
                found = await self._transport.call(
                    lambda client: client.files.create(file=(name, lines), purpose="batch")
                )
        except ProviderNotFoundError as error:
            detail = f"has no batch endpoint at {self._generator.endpoint or self.provider}"
            raise NoBatchesError(generator=self._generator.component_id, detail=detail) from error
        return str(found.id)

    async def create(self, submission: Submission) -> str:
        """Submit a batch, marked with the run and the nonce."""
        body = {
            "input_file_id": submission.file_id,
            "endpoint": self._url,
            "completion_window": "24h",
            "metadata": _marks(submission),
        }
        return str((await self._transport.post(_BATCHES, body))["id"])

    async def find(self, submission: Submission) -> str | None:
        """Return the name of the batch with these marks."""
        since_s = submission.intended_ms / 1000 - _SKEW_S
        marks = _marks(submission)
        async for batch in self._transport.pages(_BATCHES, {"limit": _PAGE}, "after"):
            metadata = batch.get("metadata")
            is_marked = isinstance(metadata, dict) and metadata.items() >= marks.items()
            if is_marked and batch.get("id") not in submission.others:
                return str(batch.get("id"))
            if count(batch, "created_at") and count(batch, "created_at") < since_s:
                return None
        return None

    async def look(self, batch_id: str) -> ProviderBatch | None:
        """Return how far a batch is."""
        try:
            batch = await self._transport.get(f"{_BATCHES}/{batch_id}")
        except ProviderNotFoundError:
            return None
        status, counts = str(batch.get("status")), batch.get("request_counts")
        files = (batch.get("output_file_id"), batch.get("error_file_id"))
        return ProviderBatch(
            batch_id=batch_id,
            status=f"{status}{_words(batch)}",
            has_ended=status in _ENDED,
            done=count(counts, "completed") + count(counts, "failed"),
            total=count(counts, "total"),
            results=tuple(file for file in files if isinstance(file, str)),
            is_postponed=status == "failed" and _QUEUE_IS_FULL in {error.get("code") for error in _errors(batch)},
        )

    async def results(self, batch: ProviderBatch) -> AsyncIterator[bytes]:
        """Yield the results of a batch: the file of the answers, and that of the errors."""
        for file_id in batch.results:
            async for piece in self._transport.stream(f"{_FILES}/{file_id}/content"):
                yield piece
            yield _NEWLINE

    def result(self, line: bytes) -> BatchResult:
        """Return the result in a line."""
        document = line_document(line)
        response = document.get("response")
        if not isinstance(response, dict):
            return BatchResult(document["custom_id"], was_asked=False)
        request_id = response.get("request_id")
        return BatchResult(
            document["custom_id"],
            was_asked=True,
            status=count(response, "status_code"),
            document=response.get("body"),
            request_id=request_id if isinstance(request_id, str) else None,
        )

    async def cancel(self, batch_id: str) -> None:
        """Ask for a batch to end early."""
        await self._transport.post(f"{_BATCHES}/{batch_id}/cancel", {})

    @property
    def _url(self) -> str:
        return f"{_VERSION}{self._generator.path}"

    async def _uploaded(self, name: str, submission: Submission) -> str | None:
        """Return a file of that name; its content is the same, as the name holds the nonce."""
        since_s = submission.intended_ms / 1000 - _SKEW_S
        async for file in self._transport.pages(_FILES, {"purpose": "batch", "limit": _PAGE}, "after"):
            if file.get("filename") == name:
                return str(file.get("id"))
            if count(file, "created_at") and count(file, "created_at") < since_s:
                return None
        return None


def _file_name(submission: Submission) -> str:
    return f"themis-{submission.run_id[:16]}-{submission.nonce}.jsonl"


def _marks(submission: Submission) -> dict[str, str]:
    return {"themis_run_id": submission.run_id, "themis_batch": submission.nonce}


def _errors(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors for which a batch was refused as a whole."""
    errors = batch.get("errors")
    found = errors.get("data") if isinstance(errors, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _words(batch: dict[str, Any]) -> str:
    """Return what the provider says of a batch that it refused as a whole, to be put after its status."""
    texts = [str(one.get("message") or one.get("code")) for one in _errors(batch)]
    more = f" and {len(texts) - _MOST_ERRORS} more" if len(texts) > _MOST_ERRORS else ""
    return f" ({'; '.join(texts[:_MOST_ERRORS])}{more})" if texts else ""
