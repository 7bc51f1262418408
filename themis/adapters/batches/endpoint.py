"""Batches of a provider, as far as they are the same for all: the body of a question, and the reading of a reply."""

from typing import Any

from themis.adapters.batches.transport import Transport
from themis.adapters.failures import failure_of_status, is_error, shown
from themis.adapters.replies import Reply, document_of
from themis.adapters.sdk_generator import SDKGenerator
from themis.core.contexts import GenerateContext
from themis.core.cost.spend import BATCH_TIER
from themis.core.engine.batch_endpoint import BatchResult
from themis.core.models import Case, GenerationResult


class Endpoint:
    """Batches that a generator's provider offers."""

    def __init__(self, generator: SDKGenerator) -> None:
        """Ask in the way of `generator`."""
        self._generator = generator
        self._transport = Transport(generator)

    @property
    def provider(self) -> str:
        """The provider, by its `provider_key`."""
        return self._generator.provider_key

    def answer(self, result: BatchResult, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the answer in a result, read as the reply to a single request is; see `BatchEndpoint.answer`."""
        request = self._generator.request(case, ctx)
        headers = {"x-request-id": result.request_id} if result.request_id else {}
        if is_error(result.status):
            raise failure_of_status(result.status, result.document, headers, self._generator.asked(request))
        reply = Reply(result.document, headers)
        return self._generator.candidate(case, ctx, request, reply, {"service_tier": BATCH_TIER})

    def _body(self, case: Case, ctx: GenerateContext) -> dict[str, Any]:
        """Return the body that a single request for a case would have."""
        return self._generator.whole_body(self._generator.request(case, ctx), streams=False)


def line_document(line: bytes) -> dict[str, Any]:
    """Return the object in a line of results.

    Raises:
        ValueError: there is none with a `custom_id` in it.
    """
    document = document_of(line)
    if not isinstance(document, dict) or not isinstance(document.get("custom_id"), str):
        msg = f"no result of a batch: {shown(document)}"
        raise ValueError(msg)  # noqa: TRY004  # the same as for what is not JSON
    return document
