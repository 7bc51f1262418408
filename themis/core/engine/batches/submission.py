"""Submission of batches: each step is stored before the next, so that no question is sent twice.

    INTENDED ───────→ file_id ───────→ SUBMITTED
    before anything   the file was     the provider has
    is sent           uploaded         named the batch

A row whose batch has no name yet may be that of a killed process, which had submitted it and could not say so. Then the
provider's list tells. A batch is submitted again only when it is not in that list some time later.
"""

from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

from themis.core.engine.batch_endpoint import Submission
from themis.core.engine.batches.context import Batching, now_ms
from themis.core.engine.batches.questions import PlannedBatch, Questions
from themis.core.engine.spending import BatchSpend
from themis.core.engine.spending.bound import Bound
from themis.core.errors import InvalidRequestError, ProviderError, ProviderNotFoundError
from themis.core.stores.batch_rows import BatchRow, BatchState


class Submitter:
    """Submits the batches of a run."""

    def __init__(self, batching: Batching) -> None:
        """Submit what is missing in the run of `batching`."""
        self._refused: Bound | None = None
        self._batching = batching
        self._endpoint = batching.endpoint

    @property
    def refused(self) -> Bound | None:
        """The question that there was no room for in the budget, at the last attempt; None when there was for all."""
        return self._refused

    async def submit_missing(self, folder: Path) -> None:
        """Submit batches until every missing candidate is in one, the budget has no room for more, or one is in doubt.

        Raises:
            ProviderError: the provider did not take one; its row stays, and the next call continues with it.
        """
        rows = self._batching.rows()
        if not rows and self._batching.runtime.batch is None:
            return
        self._refused = None
        begins, nonce, again = 0, None, None
        for row in rows[:-1]:
            await self._postponed_again(row)
        if rows:
            last = await self.resolved(rows[-1])
            if self._is_in_doubt(last):
                return
            if last.state == BatchState.INTENDED:
                begins, nonce, again = last.first_line, last.nonce, last
            else:
                begins = last.last_line + 1
        if begins >= self._batching.total_lines:
            return
        questions = Questions(self._batching, folder)
        async with aclosing(questions.batches(begins, nonce)) as batches:
            async for batch in batches:
                await self._submit(batch)
                again = None
        self._refused = questions.refused
        if again is not None:  # nothing of it can be asked now, so nothing of it is in flight
            self._batching.close(again._replace(state=BatchState.CLOSED))

    async def resolved(self, row: BatchRow) -> BatchRow:
        """Return a row with the name of its batch, if the provider has it or takes the uploaded file again."""
        if not self._may_be_submitted(row):
            return row
        found = await self._endpoint.find(self._submission(row))
        if found is not None:
            return self._named(row, found, adopted=not self._endpoint.keeps_marks)
        if row.file_id is None or self._is_in_doubt(row):
            return row
        try:
            return await self._create(row, None)
        except (InvalidRequestError, ProviderNotFoundError):  # such as for a file that has expired
            return self._batching.save(row._replace(file_id=None))

    async def cancel_dropped(self) -> None:
        """Ask the provider to end the batches of an earlier start of the run, which was cleared since; best effort."""
        for row in self._batching.store.batches(self._batching.run_id):
            if row.state != BatchState.DROPPED:
                continue
            with suppress(ProviderError):
                batch_id = row.batch_id
                if batch_id is None and self._endpoint.keeps_marks:
                    batch_id = await self._endpoint.find(self._submission(row))
                if batch_id is not None:
                    await self._endpoint.cancel(batch_id)
            self._batching.save(row._replace(state=BatchState.CLOSED))

    def release_unsent(self) -> None:
        """Give back what is reserved for batches that were cancelled before they could be submitted."""
        spending = self._batching.spending
        for row in self._batching.store.batches(self._batching.run_id) if self._endpoint.uploads else ():
            was_sent = row.file_id is not None or row.batch_id is not None
            if row.state == BatchState.CLOSED and not was_sent and spending and spending.batches.is_open(row.nonce):
                self._batching.close(row)

    def disown(self, row: BatchRow) -> None:
        """Give up the name that was found for a batch, which is another's; it is looked for again without that one."""
        self._begin_again(row, now_ms())

    def postpone(self, row: BatchRow, pause_s: float) -> None:
        """Submit a batch again later, under another name: the provider refused it as a whole for now."""
        self._begin_again(row, now_ms() + int(pause_s * 1000))

    def _begin_again(self, row: BatchRow, due_ms: int) -> None:
        """Forget the provider's name for a batch, but for a row that says not to take it for this one again."""
        batching = self._batching
        known = row._replace(number=self._next_number(), state=BatchState.CLOSED, lines=0)
        with batching.store.transaction():
            batching.save(known)
            batching.save(row._replace(state=BatchState.INTENDED, batch_id=None, adopted=False, due_ms=due_ms))

    async def _postponed_again(self, row: BatchRow) -> None:
        """Submit a batch again that others followed; what it asks cannot be planned again without their questions."""
        row = await self.resolved(row)
        if row.state == BatchState.INTENDED and not self._is_in_doubt(row):
            self._batching.close(row._replace(state=BatchState.READ, status="could not be submitted again"))

    async def _submit(self, batch: PlannedBatch) -> None:
        begun = next((row for row in self._batching.rows() if row.nonce == batch.nonce), None)
        now = now_ms()
        row = BatchRow(
            number=self._next_number() if begun is None else begun.number,
            nonce=batch.nonce,
            state=BatchState.INTENDED,
            first_line=batch.first_line,
            last_line=batch.last_line,
            lines=batch.lines,
            intended_ms=now,
            due_ms=now,
        )
        spending, reservation = self._batching.spending, batch.reservation
        spend = None
        if spending is not None and reservation is not None:
            spend = spending.batches.reserve(batch.nonce, reservation)
        if self._endpoint.uploads:
            self._batching.save(row, spend)
            submission = replace(self._submission(row, batch.path), is_resumed=begun is not None)
            file_id = await self._endpoint.upload(submission)
            row = row._replace(file_id=file_id)
        await self._create(row, batch.path, spend)

    async def _create(self, row: BatchRow, path: Path | None, spend: BatchSpend | None = None) -> BatchRow:
        """Submit a batch; from its first step on it may have been submitted."""
        row = self._batching.save(row._replace(due_ms=now_ms() + self._batching.doubt_ms), spend)
        return self._named(row, await self._endpoint.create(self._submission(row, path)))

    def _named(self, row: BatchRow, batch_id: str, *, adopted: bool = False) -> BatchRow:
        due_ms = now_ms() + int(self._batching.times.after * 1000)
        named = row._replace(state=BatchState.SUBMITTED, batch_id=batch_id, adopted=adopted, due_ms=due_ms)
        return self._batching.save(named._replace(status=None))

    def _may_be_submitted(self, row: BatchRow) -> bool:
        return row.state == BatchState.INTENDED and (row.file_id is not None or not self._endpoint.uploads)

    def _is_in_doubt(self, row: BatchRow) -> bool:
        return self._may_be_submitted(row) and now_ms() < row.due_ms

    def _next_number(self) -> int:
        return max((row.number for row in self._batching.store.batches(self._batching.run_id)), default=-1) + 1

    def _submission(self, row: BatchRow, path: Path | None = None) -> Submission:
        batching = self._batching
        names = (other.batch_id for other in batching.store.batches(batching.run_id) if other.batch_id is not None)
        return Submission(
            run_id=batching.run_id,
            nonce=row.nonce,
            lines=row.lines,
            intended_ms=row.intended_ms,
            path=path,
            file_id=row.file_id,
            others=frozenset(names),
        )
