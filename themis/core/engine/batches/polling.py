"""Generations of a run through batches: submitted, polled, and read.

    SUBMITTED ───────→ READ ───────────→ CLOSED
    the provider       its results       the run has ended,
    works              are stored        or the batch was cancelled

A killed process leaves the rows of its batches, and the next one continues from them.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from themis.core.engine.batch_endpoint import ProviderBatch
from themis.core.engine.batches.context import Batching, now_ms
from themis.core.engine.batches.results import ResultFile, ResultReader
from themis.core.engine.batches.submission import Submitter
from themis.core.engine.retry_policy import is_passing, message_of, retry_after_s
from themis.core.engine.sessions import session_of
from themis.core.errors import BatchesRefusedError, BatchWaitError, ProviderError
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.text.lines import one_line
from themis.core.text.masking import mask

logger = logging.getLogger("themis.engine")

_FOLDER = "themis-batch-"
_PATIENCE_MS = 86_400_000
"""Milliseconds for which a batch that the provider refuses for now is submitted again and again."""

_MOST_NAMED = 3
_MOST_CHARACTERS = 500


class BatchedGeneration:
    """Takes the candidates of a run through batches."""

    def __init__(self, batching: Batching, *, gives_back: bool, say: Callable[[str | None], None]) -> None:
        """Prepare the batches of a run; nothing is read, written or asked before `carry_out`.

        Args:
            batching: the run, its store and its provider.
            gives_back: whether to stop while the provider works, for somebody to continue later.
            say: told what the run waits for, and None when it waits no more.
        """
        self._batching = batching
        self._gives_back = gives_back
        self._say = say
        self._submitter = Submitter(batching)
        self._reader = ResultReader(batching)

    async def carry_out(self) -> bytearray:
        """Submit what is missing, and store what comes back; returns, for each case, whether it has failed for good.

        What has neither an answer nor a failure then is to be asked by single requests, unless the budget is used up.

        Raises:
            BatchWaitError: the provider works, and the run is to be continued later.
            BatchesRefusedError: it refuses the batches.
        """
        with TemporaryDirectory(prefix=_FOLDER) as name:
            async with session_of(self._batching.run.components.generator.live):
                folder = Path(name)
                self._reader.recall()
                due = self._open()
                self._say(f"submits its questions in batches to {self._batching.endpoint.provider}")
                await self._submitter.cancel_dropped()
                self._submitter.release_unsent()
                while True:
                    await self._look_at(due, folder)
                    pause_s = await self._submit(folder)
                    if pause_s is None and not self._open():
                        self._stop_without_room()
                        self._say(None)
                        return self._reader.failed
                    await self._wait(pause_s)
                    due = [row for row in self._open() if row.due_ms <= now_ms()]

    async def _submit(self, folder: Path) -> float | None:
        """Submit what is missing; returns the seconds to wait before the rest is tried again, None without a rest."""
        try:
            await self._submitter.submit_missing(folder)
        except ProviderError as error:
            return self._pause_s(error)
        return None

    def _stop_without_room(self) -> None:
        """Let the run end when there is no room in the budget for its next question."""
        spending, refused = self._batching.spending, self._submitter.refused
        if spending is not None and refused is not None:
            spending.stop(refused)

    async def _look_at(self, rows: list[BatchRow], folder: Path) -> None:
        """Ask the provider how far batches are, and store the results of those that have ended."""
        for row in rows:
            if row.state != BatchState.SUBMITTED or row.batch_id is None:
                continue
            due_ms = now_ms() + int(self._batching.times.poll * 1000)
            try:
                found = await self._batching.endpoint.look(row.batch_id)
                if found is None or found.has_ended:
                    await self._read(row, found, folder)
                else:
                    self._batching.save(row._replace(due_ms=due_ms, status=_said(found)))
            except ProviderError as error:
                due_ms = max(due_ms, now_ms() + int(self._pause_s(error) * 1000))
                self._batching.save(row._replace(due_ms=due_ms, status=f"unknown: {message_of(error)}"))

    async def _read(self, row: BatchRow, batch: ProviderBatch | None, folder: Path) -> None:
        if batch is not None and batch.is_postponed and not row.cancelled and now_ms() < row.intended_ms + _PATIENCE_MS:
            self._submitter.postpone(row._replace(status=_said(batch)), self._batching.times.poll)
            return
        self._say(f"reads the results of batch {row.batch_id} of {self._batching.endpoint.provider}")
        results = ResultFile(folder / "results.jsonl", self._batching.endpoint, row.nonce)
        if batch is not None:
            await results.download(batch)
        if row.adopted and results.foreign and not len(results):
            self._submitter.disown(row)
            return
        stored = await self._reader.store(row, results)
        status = "gone" if batch is None else _said(batch)
        state = BatchState.CLOSED if row.cancelled else BatchState.READ
        is_certain = batch is not None and not results.unreadable
        self._batching.close(row._replace(state=state, status=status, adopted=False), is_certain=is_certain)
        level = logging.INFO if stored == row.lines else logging.WARNING
        rest = "" if stored == row.lines else f", {row.lines - stored:,} are asked again by single requests"
        text = "batch %s of %s is %s: %s of %s questions have an outcome%s"
        provider = self._batching.endpoint.provider
        logger.log(level, text, row.batch_id, provider, status, f"{stored:,}", f"{row.lines:,}", rest)

    def _open(self) -> list[BatchRow]:
        return [row for row in self._batching.rows() if row.is_open]

    def _pause_s(self, error: ProviderError) -> float:
        """Return the seconds to wait after a failure that may pass.

        Raises:
            BatchesRefusedError: it may not.
        """
        if not is_passing(error):
            raise BatchesRefusedError(detail=message_of(error), retry_after_s=retry_after_s(error) or None) from error
        pause_s = max(self._batching.times.poll, retry_after_s(error))
        logger.warning("the batches of this run wait %.3g s: %s", pause_s, message_of(error))
        return pause_s

    async def _wait(self, pause_s: float | None) -> None:
        """Wait until the next look, or leave the run to the process that continues it then."""
        rows = self._open()
        text = self._waits_for(rows)
        has_failed = pause_s is not None
        due = [row for row in rows if row.state == BatchState.SUBMITTED or not has_failed]
        waits_s = [max(row.due_ms - now_ms(), 0) / 1000 for row in due]
        wait_s = min([*waits_s, pause_s] if pause_s is not None else waits_s)
        if self._gives_back:
            raise BatchWaitError(detail=text, retry_after_s=wait_s)
        self._say(text)
        await asyncio.sleep(wait_s)

    def _waits_for(self, rows: list[BatchRow]) -> str:
        """Return what the provider says of the batches that it has, in a line for people."""
        named = [f"{row.batch_id or 'a batch'} {_status(row)}" for row in rows[:_MOST_NAMED]]
        more = f" and {len(rows) - _MOST_NAMED:,} more" if len(rows) > _MOST_NAMED else ""
        what = "the batch" if len(rows) == 1 else f"{len(rows):,} batches" if rows else "its batches"
        return f"waits for {what} of {self._batching.endpoint.provider}{': ' if named else ''}{', '.join(named)}{more}"


def close_batches(batching: Batching) -> None:
    """Close the batches of a run that has ended: what it lacks may go into new ones when it is started again."""
    for row in batching.rows():
        if row.state == BatchState.READ:
            batching.save(row._replace(state=BatchState.CLOSED))


def _said(batch: ProviderBatch) -> str:
    """Return the provider's text in a line that may be stored and shown."""
    return one_line(mask(batch.text))[:_MOST_CHARACTERS]


def _status(row: BatchRow) -> str:
    if row.status is not None:
        return row.status
    return f"with {row.lines:,} questions {'is being submitted' if row.batch_id is None else 'was submitted'}"
