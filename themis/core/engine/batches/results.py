"""Results of a batch: they come in any order, and are stored in that of the cases."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from themis.core.engine.batch_endpoint import BatchEndpoint, ProviderBatch
from themis.core.engine.batches.context import Batching
from themis.core.engine.batches.names import place_of
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.pipeline import generate_step
from themis.core.engine.cases.prompted import with_prompt
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import Step
from themis.core.engine.planning import PAGE
from themis.core.engine.retry_policy import is_passing
from themis.core.engine.spending import BatchSpend
from themis.core.errors import RunStoppedError
from themis.core.outcomes.codec import to_failure
from themis.core.outcomes.stages import Stage
from themis.core.stores.batch_rows import BatchRow, BatchState

logger = logging.getLogger("themis.engine")

_MOST_LINE_BYTES = 64 * 1024 * 1024
_COMMIT_BYTES = 8 * 1024 * 1024
_COMMIT_LINES = 500


class ResultFile:
    """Results of one batch in a file: only their places are in memory, one entry for each question.

    Attributes:
        foreign: number of results that are another batch's.
        unreadable: number of lines that are not results.
    """

    def __init__(self, path: Path, endpoint: BatchEndpoint, nonce: str) -> None:
        """Keep the results of the batch with this nonce at `path`."""
        self.foreign = 0
        self.unreadable = 0
        self._path = path
        self._endpoint = endpoint
        self._nonce = nonce
        self._places: dict[tuple[int, int], tuple[int, int]] = {}
        path.write_bytes(b"")

    def __len__(self) -> int:
        """Count the results that are this batch's."""
        return len(self._places)

    async def download(self, batch: ProviderBatch) -> None:
        """Write the results of a batch that has ended into the file."""
        with self._path.open("wb") as file:
            async for line in _lines(self._endpoint.results(batch)):
                self._keep(file, line)

    def open(self) -> BinaryIO:
        """Open the file for `line`."""
        return self._path.open("rb")

    def line(self, file: BinaryIO, case_no: int, item: int) -> bytes | None:
        """Return the result of a question; None when there is none."""
        place = self._places.get((case_no, item))
        if place is None:
            return None
        file.seek(place[0])
        return file.read(place[1])

    def _keep(self, file: BinaryIO, line: bytes) -> None:
        try:
            place = place_of(self._endpoint.result(line).custom_id, self._nonce)
        except ValueError as error:
            self.unreadable += 1
            if self.unreadable == 1:
                provider = self._endpoint.provider
                logger.warning("a line of the results of %s is left out, like all that follow: %s", provider, error)
            return
        if place is None:
            self.foreign += 1
        elif place not in self._places:
            self._places[place] = (file.tell(), len(line))
            file.write(line)


class ResultReader:
    """Stores the results of batches as outcomes of the run.

    A question that failed in a way that may pass, or that was never asked, gets no outcome: it is asked by itself.

    Attributes:
        failed: for each case of the run, whether a question of it failed for good.
    """

    def __init__(self, batching: Batching) -> None:
        """Store outcomes of the run of `batching`."""
        self.failed = bytearray(batching.run.snapshot.total_cases)
        self._batching = batching
        generator = batching.run.components.generator.live
        self._steps = [generate_step(generator, item, None) for item in range(batching.candidates)]

    def recall(self) -> None:
        """Note the questions that have failed for good in batches that were read by a process that is gone."""
        batching = self._batching
        if all(row.state != BatchState.READ for row in batching.rows()):
            return
        for first in range(0, len(self.failed), PAGE):
            for outcome in batching.store.outcomes_between(batching.run_id, first, first + PAGE):
                if outcome.stage is Stage.GENERATE and not outcome.ok:
                    self.failed[outcome.case_no] |= not to_failure(outcome).retryable

    async def store(self, row: BatchRow, results: ResultFile) -> int:
        """Store the results of a batch; returns how many of its questions have an outcome, when all are committed."""
        batching, found = self._batching, 0
        spend = None if batching.spending is None else batching.spending.batches.of(row.nonce)
        first, last = row.first_line // batching.candidates, row.last_line // batching.candidates
        with results.open() as file:
            async with batching.writer(spend) as writer:
                runner = StageRunner(batching.runtime, writer, batching.observers)
                pending = _Pending()
                try:
                    for page in batching.work(writer, first):
                        for work in page:
                            if work.case_no > last:
                                return found
                            if work.case_no < first:
                                continue
                            for step in self._steps:
                                line = results.line(file, work.case_no, step.item)
                                if step.key in work.stored:
                                    found += 1
                                elif line is not None:
                                    found += await self._store_one(runner, step, work, line, spend)
                                    if pending.is_much(line):
                                        await writer.make_room()
                finally:
                    runner.close()
        return found

    async def _store_one(
        self, runner: StageRunner, step: Step, work: CaseWork, line: bytes, spend: BatchSpend | None
    ) -> bool:
        """Store one result; False when its question is asked again by itself."""
        endpoint = self._batching.endpoint
        result = endpoint.result(line)
        if not result.was_asked:
            return False
        question = self._batching.question(work, step.item)
        try:
            answer = endpoint.answer(result, *question)
        except Exception as error:  # noqa: BLE001  # what a provider answers is data
            if spend is not None:
                spend.settle(question, None, error)
            if is_passing(error):
                return False
            self.failed[work.case_no] = True
            failure = error
            await runner.deliver(step, work, question, lambda: _raise(failure))
        else:
            if spend is not None:
                spend.settle(question, answer, None)
            if self._batching.prepare is not None:
                answer = with_prompt(answer, question[0].input)
            await runner.deliver(step, work, question, lambda: answer)
        return True


class _Pending:
    """Results that may wait for their commit, which bounds the memory that they take."""

    def __init__(self) -> None:
        self._lines = self._bytes = 0

    def is_much(self, line: bytes) -> bool:
        """Whether a commit is due with this result; the count starts over then."""
        self._lines += 1
        self._bytes += len(line)
        if self._lines < _COMMIT_LINES and self._bytes < _COMMIT_BYTES:
            return False
        self._lines = self._bytes = 0
        return True


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines in pieces of any length, without empty ones."""
    rest = bytearray()
    async for piece in pieces:
        *whole, tail = piece.split(b"\n")
        for part in whole:
            rest += part
            if rest.strip():
                yield bytes(rest)
            rest.clear()
        rest += tail
        if len(rest) > _MOST_LINE_BYTES:
            raise RunStoppedError(
                detail=f"a result of a batch is larger than {_MOST_LINE_BYTES // 2**20} MiB", key=None
            )
    if rest.strip():
        yield bytes(rest)


def _raise(error: Exception) -> Any:
    raise error
