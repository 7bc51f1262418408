"""OpenAI's files, and the batches that are made of them."""

import json
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.support.model_server.dialects import DIALECTS
from tests.support.model_server.log import Request
from tests.support.model_server.replies import Failure
from tests.support.model_server.resources.batch import Batch, Line, LineResult
from tests.support.model_server.resources.shared import Result, not_found, page
from tests.support.model_server.script import Script

DAY_S = 86_400
NOT_ANSWERED = {
    "expired": {"code": "batch_expired", "message": "This request could not be executed before the batch expired."},
    "canceled": {"code": "batch_cancelled", "message": "This request was cancelled with its batch."},
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the provider."""

    described: dict[str, Any]
    content: bytes


class Files:
    """Files that were uploaded, or that batches left."""

    kind = "files"
    family = "openai"

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._numbers = count(1)

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        method, data = request.method, request.data
        if not below:
            if method == "POST":
                file_id = self.keep(data["file"], str(data["filename"]), str(data["purpose"]))
                return self._files[file_id].described
            listed = [file.described for file in self._files.values()]
            return page(listed, request, "after") if method == "GET" else None
        file = self._files.get(below[0])
        if file is None:
            return not_found(f"File object: {below[0]}")
        if method == "DELETE":
            del self._files[below[0]]
            return {"id": below[0], "object": "file", "deleted": True}
        return file.content if below[1:] == ("content",) else file.described

    def keep(self, content: bytes, name: str, purpose: str) -> str:
        """Keep a file; its id."""
        file_id = f"file-{next(self._numbers)}"
        described = {"id": file_id, "object": "file", "bytes": len(content), "created_at": int(time.time())}
        self._files[file_id] = StoredFile(
            {**described, "filename": name, "purpose": purpose, "status": "processed"}, content
        )
        return file_id

    def content(self, file_id: str) -> bytes | None:
        """What is in a file."""
        file = self._files.get(file_id)
        return file.content if file else None


class Batches:
    """Batches of lines in a file."""

    kind = "batches"
    family = "openai"

    def __init__(self, files: Files, script: Script, takes_s: float) -> None:
        self._files = files
        self._script = script
        self._takes_s = takes_s
        self._batches: dict[str, Batch] = {}
        self._refused: dict[str, list[dict[str, Any]]] = {}
        self._left: dict[str, dict[str, str | None]] = {}

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        if not below:
            if request.method == "POST":
                return self._create(request.data)
            return page([self._shown(one) for one in self._batches.values()], request, "after")
        batch = self._batches.get(below[0])
        if batch is None:
            return not_found(f"batch: {below[0]}")
        if below[1:] == ("cancel",):
            batch.cancel()
        return self._shown(batch)

    def all(self) -> list[Batch]:
        """The batches, in the order in which they were made."""
        return list(self._batches.values())

    def _create(self, data: dict[str, Any]) -> Result:
        content = self._files.content(str(data["input_file_id"]))
        if content is None:
            return Failure(400, "Invalid file.", param="input_file_id")
        lines, errors = _lines(content, str(data["endpoint"]))
        batch_id = f"batch_{len(self._batches) + 1}"
        self._batches[batch_id] = Batch(batch_id, lines, self._script, self._takes_s, more=data)
        if errors:
            self._refused[batch_id] = errors
        return self._shown(self._batches[batch_id])

    def _shown(self, batch: Batch) -> dict[str, Any]:
        errors = self._refused.get(batch.batch_id)
        if errors is None:
            batch.look()
        status = "failed" if errors else _status(batch)
        return {
            "id": batch.batch_id,
            "object": "batch",
            "endpoint": batch.more["endpoint"],
            "input_file_id": batch.more["input_file_id"],
            "completion_window": batch.more.get("completion_window", "24h"),
            "metadata": batch.more.get("metadata"),
            "created_at": batch.created_at,
            "expires_at": batch.created_at + DAY_S,
            "status": status,
            "errors": {"object": "list", "data": errors} if errors else None,
            "request_counts": {
                "total": len(batch.lines),
                "completed": batch.count("succeeded") if batch.results is not None else batch.so_far,
                "failed": batch.count("errored", "expired", "canceled"),
            },
            **self._output(batch),
        }

    def _output(self, batch: Batch) -> dict[str, str | None]:
        """The files with the results, which are written once."""
        if batch.results is None:
            return {"output_file_id": None, "error_file_id": None}
        if batch.batch_id not in self._left:
            good = [result for result in batch.results if result.outcome == "succeeded"]
            bad = [result for result in batch.results if result.outcome != "succeeded"]
            self._left[batch.batch_id] = {
                "output_file_id": self._write(good, f"{batch.batch_id}_output.jsonl"),
                "error_file_id": self._write(bad, f"{batch.batch_id}_error.jsonl"),
            }
        return self._left[batch.batch_id]

    def _write(self, results: list[LineResult], name: str) -> str | None:
        content = b"".join(_written(result) for result in results)
        return self._files.keep(content, name, "batch_output") if results else None


def _status(batch: Batch) -> str:
    if batch.results is None:
        return "in_progress"
    if batch.is_cancelled:
        return "cancelled"
    return "expired" if batch.count("expired") else "completed"


def _lines(content: bytes, endpoint: str) -> tuple[list[Line], list[dict[str, Any]]]:
    """The lines of a file, and what is wrong with it."""
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, text in enumerate(filter(None, content.splitlines()), 1):
        try:
            line = json.loads(text)
            found = Line(line["custom_id"], line["url"], line["body"])
        except (ValueError, KeyError, TypeError):
            errors.append(_wrong(number, "invalid_json_line", "This line is not parseable as valid JSON."))
            continue
        if found.path != endpoint or endpoint not in DIALECTS:
            errors.append(_wrong(number, "mismatched_endpoint", "The URL of this line is not the batch's endpoint."))
        if found.custom_id in seen:
            errors.append(_wrong(number, "duplicate_custom_id", "This custom_id is used by another line."))
        seen.add(found.custom_id)
        lines.append(found)
    return lines, errors if lines or errors else [_wrong(None, "empty_file", "The file has no lines.")]


def _wrong(line: int | None, code: str, message: str) -> dict[str, Any]:
    return {"code": code, "line": line, "message": message, "param": None}


def _written(result: LineResult) -> bytes:
    response = {"status_code": result.status, "request_id": f"req_{result.custom_id}", "body": result.body}
    line = {
        "id": f"batch_req_{result.custom_id}",
        "custom_id": result.custom_id,
        "response": None if result.outcome in NOT_ANSWERED else response,
        "error": NOT_ANSWERED.get(result.outcome),
    }
    return json.dumps(line).encode() + b"\n"
