"""A provider of batches in this process, a generator that asks it, and deaths at any step of either side."""

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from themis.core.contexts import GenerateContext
from themis.core.engine.batch_endpoint import BatchEndpoint, BatchResult, ProviderBatch, Submission
from themis.core.errors import ProviderReply, ProviderUnavailableError, RefusedCaseError
from themis.core.models import Case, GenerationResult
from themis.core.stores.protocol import RunStore

WRITES = frozenset({"create_run", "start_run", "append", "save_batch", "end_run"})
NOT_ASKED = object()
"""What a script says of a question that the model never gets."""

Say = Callable[[str], Any]


class Killed(BaseException):
    """The process is gone; nothing that it does afterwards has any effect."""


@dataclass
class Steps:
    """The steps of one process, which may die before or after one of them.

    Attributes:
        at: the step, from 1, at which it dies; None for none.
        after: whether the step is carried out by then.
    """

    at: int | None = None
    after: bool = False
    names: list[str] = field(default_factory=list)
    is_dead: bool = False

    def begin(self, name: str) -> None:
        """Begin a step, or die."""
        if self.is_dead:
            raise Killed
        self.names.append(name)
        if len(self.names) == self.at and not self.after:
            self.die()

    def end(self) -> None:
        """End a step, or die."""
        if len(self.names) == self.at and self.after:
            self.die()

    def die(self) -> None:
        self.is_dead = True
        raise Killed


class MortalStore:
    """A store that a process uses until it dies."""

    def __init__(self, store: RunStore, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in WRITES:
            return found

        def write(*arguments: Any, **keywords: Any) -> Any:
            self._steps.begin(name)
            result = found(*arguments, **keywords)
            self._steps.end()
            return result

        return write


@dataclass
class Remote:
    """What the provider has, whoever dies.

    Attributes:
        says: what is answered to a question: a text, an exception, or `NOT_ASKED`.
        looks: how often a batch is looked at before it has ended.
        is_full: whether a batch that failed as a whole may be submitted again later.
        hidden: how often the list is asked before a batch is in it.
        asked: how often the model got each question of a batch.
    """

    says: Say = lambda question: f"text of {question}"
    looks: int = 1
    hidden: int = 0
    is_full: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    batches: dict[str, "RemoteBatch"] = field(default_factory=dict)
    singles: list[str] = field(default_factory=list)

    def answer(self, question: str) -> Any:
        """Ask the model."""
        found = self.says(question)
        if found is not NOT_ASKED:
            self.asked[question] += 1
        return found


@dataclass
class RemoteBatch:
    """A batch that the provider has."""

    marks: tuple[str, str]
    lines: list[dict[str, Any]]
    created_ms: int
    looks: int = 0
    listed: int = 0
    is_cancelled: bool = False
    results: list[bytes] | None = None
    status: str = "in_progress"


class Endpoint(BatchEndpoint):
    """Batches of a `Remote`, with an upload and marks like OpenAI's, or with neither like Anthropic's."""

    provider = "remote:lab"

    def __init__(self, remote: Remote, steps: Steps, *, like_openai: bool = True) -> None:
        self.remote = remote
        self.steps = steps
        self._like_openai = like_openai

    @property
    def uploads(self) -> bool:
        return self._like_openai

    @property
    def keeps_marks(self) -> bool:
        return self._like_openai

    def line(self, custom_id: str, case: Case, ctx: GenerateContext) -> bytes:
        return json.dumps({"custom_id": custom_id, "question": f"{case.input}/{ctx.seed}"}).encode()

    async def upload(self, submission: Submission) -> str:
        self.steps.begin("upload")
        name = f"file-{submission.nonce}"
        self.remote.files.setdefault(name, lines_of(submission))
        self.steps.end()
        return name

    async def create(self, submission: Submission) -> str:
        self.steps.begin("create")
        lines = self.remote.files[submission.file_id] if submission.file_id else lines_of(submission)
        batch_id = f"batch-{len(self.remote.batches)}"
        marks = (submission.run_id, submission.nonce)
        self.remote.batches[batch_id] = RemoteBatch(marks, lines, submission.intended_ms)
        self.steps.end()
        return batch_id

    async def find(self, submission: Submission) -> str | None:
        self.steps.begin("find")
        found = None
        for batch_id, batch in reversed(self.remote.batches.items()):
            batch.listed += 1
            if batch.listed > self.remote.hidden and self._may_be(batch_id, batch, submission):
                found = batch_id
        self.steps.end()
        return found

    def _may_be(self, batch_id: str, batch: RemoteBatch, submission: Submission) -> bool:
        if self._like_openai:
            return batch.marks == (submission.run_id, submission.nonce) and batch_id not in submission.others
        is_new = batch.created_ms >= submission.intended_ms and batch_id not in submission.others
        return is_new and len(batch.lines) == submission.lines

    async def look(self, batch_id: str) -> ProviderBatch | None:
        self.steps.begin("look")
        batch = self.remote.batches.get(batch_id)
        if batch is None:
            return None
        batch.looks += 1
        if batch.results is None and (batch.looks > self.remote.looks or batch.is_cancelled):
            batch.results = [] if batch.status == "failed" else [self._result(line) for line in batch.lines][::-1]
            batch.status = "cancelled" if batch.is_cancelled else batch.status.replace("in_progress", "completed")
        self.steps.end()
        done = 0 if batch.results is None else len(batch.lines)
        return ProviderBatch(
            batch_id,
            batch.status,
            batch.results is not None,
            done,
            len(batch.lines),
            ("results",),
            is_postponed=batch.status == "failed" and self.remote.is_full,
        )

    def _result(self, line: dict[str, Any]) -> bytes:
        batch_said = self.remote.answer(line["question"])
        result: dict[str, Any] = {"custom_id": line["custom_id"], "said": batch_said}
        if batch_said is NOT_ASKED:
            result["said"], result["late"] = None, True
        elif isinstance(batch_said, Exception):
            result["said"], result["error"] = None, isinstance(batch_said, ProviderUnavailableError)
        return json.dumps(result).encode()

    async def results(self, batch: ProviderBatch) -> AsyncIterator[bytes]:
        self.steps.begin("results")
        whole = b"\n".join(self.remote.batches[batch.batch_id].results or [])
        yield whole[: len(whole) // 2]
        self.steps.end()
        yield whole[len(whole) // 2 :] + b"\n"

    def result(self, line: bytes) -> BatchResult:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError(found)  # noqa: TRY004  # the same as for what is not JSON
        return BatchResult(found["custom_id"], was_asked="late" not in found, document=found)

    def answer(self, result: BatchResult, case: Case, ctx: GenerateContext) -> GenerationResult:
        if (passes := result.document.get("error")) is not None:
            raise failure(passes=passes)
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=result.document["said"])

    async def cancel(self, batch_id: str) -> None:
        self.steps.begin("cancel")
        self.remote.batches[batch_id].is_cancelled = True
        self.steps.end()


class DiskEndpoint(Endpoint):
    """Batches that a provider keeps on a disk and answers at once, so that none is in this process's memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Remote(), Steps())
        self._folder = folder

    async def upload(self, submission: Submission) -> str:
        assert submission.path is not None
        return str(shutil.copy(submission.path, self._folder / submission.nonce))

    async def create(self, submission: Submission) -> str:
        assert submission.file_id is not None
        return submission.file_id

    async def look(self, batch_id: str) -> ProviderBatch | None:
        return ProviderBatch(batch_id, "completed", has_ended=True, done=1, total=1, results=(batch_id,))

    async def results(self, batch: ProviderBatch) -> AsyncIterator[bytes]:
        with Path(batch.batch_id).open("rb") as lines:  # noqa: ASYNC230  # a short file of a test
            for line in lines:
                asked = json.loads(line)
                yield json.dumps({"custom_id": asked["custom_id"], "said": asked["question"]}).encode() + b"\n"


class BatchModel:
    """A generator whose provider has batches.

    Attributes:
        endpoint: the provider's batches, as this process sees them.
    """

    component_id = "lab/batch_model"
    version = "1"

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def fingerprint(self) -> str:
        return "one"

    def batch_endpoint(self) -> Endpoint:
        return self.endpoint

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        remote, question = self.endpoint.remote, f"{case.input}/{ctx.seed}"
        self.endpoint.steps.begin("single")
        remote.singles.append(question)
        self.endpoint.steps.end()
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=f"single of {question}")


def lines_of(submission: Submission) -> list[dict[str, Any]]:
    """The lines of a submission's file."""
    assert submission.path is not None
    found = [json.loads(line) for line in submission.path.read_bytes().splitlines()]
    assert len(found) == submission.lines
    return found


def failure(*, passes: bool) -> Exception:
    """A failure of a provider that may pass, or that will not."""
    kind = ProviderUnavailableError if passes else RefusedCaseError
    return kind(provider="remote:lab", detail="no", reply=ProviderReply(status_code=503 if passes else 400))
