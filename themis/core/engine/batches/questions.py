"""Questions of batches: the candidates that are missing, a file at a time."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from themis.core.engine.batches.context import Batching
from themis.core.engine.batches.names import custom_id
from themis.core.engine.case_work import CaseWork
from themis.core.engine.spending import BatchReservation
from themis.core.engine.spending.bound import Bound
from themis.core.errors import InvalidArgumentError, PromptError
from themis.core.outcomes.stages import Stage

MOST_LINES = 50_000
MOST_BYTES = 200_000_000
"""Questions of one batch, and the bytes of its file: OpenAI's limits, within Anthropic's."""

_NEWLINE = b"\n"
_NONCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Questions in a file.

    Attributes:
        path: the file, which the next batch overwrites.
        nonce: random text in the name of each question.
        first_line, last_line: the stretch of the run that it covers, see `BatchRow`.
        lines: number of its questions.
        reservation: what they can use; None without a budget.
    """

    path: Path
    nonce: str
    first_line: int
    last_line: int
    lines: int
    reservation: BatchReservation | None


@dataclass(frozen=True, slots=True)
class _Missing:
    """A candidate that is missing, and its line in the run."""

    number: int
    work: CaseWork
    item: int


class Questions:
    """Writes the questions for what is missing."""

    def __init__(self, batching: Batching, folder: Path) -> None:
        """Write into a file of `folder`."""
        self._reservation: BatchReservation | None = None
        self._batching = batching
        self._path = folder / "questions.jsonl"

    @property
    def refused(self) -> Bound | None:
        """The first question that there was no room for in the budget; None while there was for all."""
        return None if self._reservation is None else self._reservation.refused

    async def batches(self, first_line: int, nonce: str | None = None) -> AsyncGenerator[PlannedBatch]:
        """Yield the batches that ask for what is missing from `first_line` on; the first one has `nonce`, if given.

        Each must be submitted before the next one is asked for: one file exists at a time, and one question in memory.

        Raises:
            InvalidArgumentError: one question alone is larger than a batch may be.
            UnboundedCallError: there is a budget, and nothing bounds a question.
        """
        begins, nonce = first_line, nonce or _nonce()
        left_over: _Missing | None = None
        async with aclosing(self._missing(first_line)) as missing:
            while True:
                reservation = self._reservation = self._batching.reservation(nonce)
                with self._path.open("wb") as file:
                    filling = _Filling(self._batching, file, nonce, reservation)
                    if left_over is None or filling.takes(left_over):
                        left_over = await filling.fill(missing)
                if not filling.lines:
                    return
                last_line = self._batching.total_lines - 1 if left_over is None else left_over.number - 1
                yield PlannedBatch(self._path, nonce, begins, last_line, filling.lines, reservation)
                if left_over is None:
                    return
                begins, nonce = left_over.number, _nonce()

    async def _missing(self, first_line: int) -> AsyncGenerator[_Missing]:
        """Yield the candidates without an answer; answers of other runs are taken over on the way."""
        count = self._batching.candidates
        async with self._batching.writer() as writer:
            for page in self._batching.work(writer, first_line // count):
                for work in page:
                    for item in range(count):
                        number = work.case_no * count + item
                        if number >= first_line and (Stage.GENERATE, item) not in work.stored:
                            yield _Missing(number, work, item)
                await writer.make_room()


class _Filling:
    """One file of questions, while it is written."""

    def __init__(self, batching: Batching, file: BinaryIO, nonce: str, reservation: BatchReservation | None) -> None:
        self.lines = 0
        self._reservation = reservation
        self._bytes = 0
        self._batching = batching
        self._file = file
        self._nonce = nonce

    async def fill(self, missing: AsyncGenerator[_Missing]) -> _Missing | None:
        """Write what fits; returns the first question that does not, None at the end."""
        async for one in missing:
            if not self.takes(one):
                return one
            if not self.lines % 256:
                await asyncio.sleep(0)
        return None

    def takes(self, one: _Missing) -> bool:
        """Write a question, unless the file is full, or the budget used up."""
        batching, reservation = self._batching, self._reservation
        name = custom_id(self._nonce, one.work.case_no, one.item)
        try:
            question = batching.question(one.work, one.item)
        except PromptError:  # it fails alone, when it is asked by itself
            return True
        bound = None if reservation is None else reservation.bound_of(*question)
        line = batching.endpoint.line(name, *question) + _NEWLINE
        if len(line) > MOST_BYTES:
            detail = (
                f"case {one.work.case.case_id!r} takes {len(line):,} bytes, and a batch no more than {MOST_BYTES:,}"
            )
            raise InvalidArgumentError(argument="runtime.batch", detail=detail)
        if self.lines >= MOST_LINES or self._bytes + len(line) > MOST_BYTES:
            return False
        if reservation is not None and bound is not None and not reservation.takes(bound):
            return False
        self._file.write(line)
        self.lines += 1
        self._bytes += len(line)
        return True


def _nonce() -> str:
    return secrets.token_hex(_NONCE_BYTES)
