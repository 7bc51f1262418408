"""Rows of batches: the questions of a run that a provider answers together, some time later.

A row is written before anything is sent, so that a process that is killed at any moment leaves a trace of what it may
have submitted. The fields of `BatchRow` are the single list of a row's columns.
"""

from enum import StrEnum
from typing import NamedTuple

from themis.core.text.lines import storable


class BatchState(StrEnum):
    """State of a batch.

    Attributes:
        INTENDED: about to be submitted, or submitted by a process that was killed before it could say so.
        SUBMITTED: the provider has it.
        READ: its results are stored; what they lack is asked one by one.
        CLOSED: it has no part in the run any more, whose next questions may go into a new batch.
        DROPPED: the run was cleared while the provider had it, or may have had it: it is to be cancelled.
    """

    INTENDED = "intended"
    SUBMITTED = "submitted"
    READ = "read"
    CLOSED = "closed"
    DROPPED = "dropped"


class BatchRow(NamedTuple):
    """Batch of a run. Times are milliseconds since 1970 UTC.

    Attributes:
        number: its place among the batches of the run, from 0.
        nonce: random text in the name of each of its questions, by which the provider's batch is known to be this one.
        state: a `BatchState`.
        first_line, last_line: the stretch of the run that it covers: candidate `item` of case `case_no` is line
            `case_no * candidates + item`. Lines that were answered before are not in it.
        lines: number of its questions.
        intended_ms: when it was about to be submitted.
        due_ms: when the provider is next asked about it.
        file_id: the provider's name for the file of its questions; None where there is no such file, or not yet.
        batch_id: the provider's name for it; None while that is unknown.
        adopted: whether `batch_id` was found in the provider's list after a crash, and nothing proves yet that it is
            this batch.
        cancelled: whether its cancellation was asked for here.
        status: what the provider last said of it, for people.
    """

    number: int
    nonce: str
    state: str
    first_line: int
    last_line: int
    lines: int
    intended_ms: int
    due_ms: int
    file_id: str | None = None
    batch_id: str | None = None
    adopted: bool = False
    cancelled: bool = False
    status: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the provider has it, or may have it."""
        return self.state in {BatchState.INTENDED, BatchState.SUBMITTED}


def batch_row(values: tuple[object, ...]) -> BatchRow:
    """Return a row from the values of its columns, as a store keeps them."""
    row = BatchRow(*values)  # type: ignore[arg-type]
    return row._replace(state=BatchState(row.state), adopted=bool(row.adopted), cancelled=bool(row.cancelled))


def storable_row(row: BatchRow) -> BatchRow:
    """Return a row whose texts of the provider, which may hold anything, can be kept by every store."""
    said = (None if text is None else storable(text) for text in (row.file_id, row.batch_id, row.status))
    file_id, batch_id, status = said
    return row._replace(file_id=file_id, batch_id=batch_id, status=status)
