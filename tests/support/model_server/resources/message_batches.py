"""Anthropic's batches of messages."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.support.model_server.log import Request
from tests.support.model_server.replies import Failure
from tests.support.model_server.resources.batch import Batch, Line, LineResult
from tests.support.model_server.resources.shared import Result, not_found, page
from tests.support.model_server.script import Script

DAY_S = 86_400


class MessageBatches:
    """Batches whose questions come in the request."""

    kind = "message_batches"
    family = "anthropic"

    def __init__(self, script: Script, takes_s: float) -> None:
        self._script = script
        self._takes_s = takes_s
        self._batches: dict[str, Batch] = {}

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        host = request.headers.get("host", "")
        if not below:
            if request.method == "POST":
                return self._create(request.data, host)
            return page([_shown(batch, host) for batch in self._batches.values()], request, "after_id")
        batch = self._batches.get(below[0])
        if batch is None:
            return not_found(f"batch: {below[0]}")
        if request.method == "DELETE":
            return self._delete(batch)
        if below[1:] == ("cancel",):
            batch.cancel()
        shown = _shown(batch, host)
        return _results(batch) if below[1:] == ("results",) else shown

    def all(self) -> list[Batch]:
        """The batches, in the order in which they were made."""
        return list(self._batches.values())

    def _create(self, data: dict[str, Any], host: str) -> Result:
        lines = [Line(one["custom_id"], "/v1/messages", one["params"]) for one in data.get("requests", ())]
        if not lines:
            return Failure(400, "requests: List should have at least 1 item")
        if len({line.custom_id for line in lines}) < len(lines):
            return Failure(400, "requests: custom_id must be unique")
        batch = Batch(f"msgbatch_{len(self._batches) + 1}", lines, self._script, self._takes_s)
        self._batches[batch.batch_id] = batch
        return _shown(batch, host)

    def _delete(self, batch: Batch) -> Result:
        batch.look()
        if batch.results is None:
            return Failure(400, "A batch that is being processed cannot be deleted: cancel it first.")
        del self._batches[batch.batch_id]
        return {"id": batch.batch_id, "type": "message_batch_deleted"}


def _shown(batch: Batch, host: str) -> dict[str, Any]:
    batch.look()
    has_ended = batch.results is not None
    return {
        "id": batch.batch_id,
        "type": "message_batch",
        "processing_status": "ended" if has_ended else "in_progress",
        "request_counts": {
            "processing": 0 if has_ended else len(batch.lines),
            "succeeded": batch.count("succeeded"),
            "errored": batch.count("errored"),
            "canceled": batch.count("canceled"),
            "expired": batch.count("expired"),
        },
        "created_at": _time(batch.created_at),
        "expires_at": _time(batch.created_at + DAY_S),
        "ended_at": _time(batch.created_at) if has_ended else None,
        "results_url": f"http://{host}/v1/messages/batches/{batch.batch_id}/results" if has_ended else None,
    }


def _results(batch: Batch) -> Result:
    if batch.results is None:
        return Failure(404, "The results of this batch are not there yet.")
    return b"".join(_written(result) for result in batch.results)


def _written(result: LineResult) -> bytes:
    found: dict[str, Any] = {"type": result.outcome}
    if result.outcome == "succeeded":
        found["message"] = result.body
    elif result.outcome == "errored":
        found["error"] = result.body
    return json.dumps({"custom_id": result.custom_id, "result": found}).encode() + b"\n"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
