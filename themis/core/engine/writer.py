"""The writer of outcomes: one thread that stores them in group commits.

The event loop only appends to a list. A writer thread takes the whole list and commits it: often enough that a killed
process loses little, seldom enough that many outcomes share a commit's sync to disk.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from themis.core.outcomes.codec import without_secrets
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.processes.forks import line, refuse_copy
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore

COMMIT_INTERVAL_S = 0.2
"""Maximum seconds that an outcome waits for its commit, if the disk keeps up."""

COMMIT_ROWS = 1_000
"""Rows that trigger a commit before the interval is over."""

MAX_WAITING_ROWS = 4_000
"""Rows that may wait; beyond that the engine waits for the disk."""


class OutcomeWriter:
    """Takes outcomes from the engine and commits them in the background; an async context manager.

    Raises:
        StoreError: from `room` and at the end of the block, once a commit failed.
    """

    def __init__(self, store: RunStore, run_id: str, fence: Fence | None) -> None:
        """A writer of the outcomes of `run_id`, under `fence` if there is one."""
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._outcomes: list[Outcome] = []
        self._ends: list[CaseEnd] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="themis-writer")
        self._worth_a_commit = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._closing = False
        self._forks = line.forks
        self._error: BaseException | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start committing."""
        self._pump = asyncio.create_task(self._commit_until_closed())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commit what is left, then stop; a cancellation meanwhile is raised after that."""
        self._closing = True
        self._worth_a_commit.set()
        cancelled: asyncio.CancelledError | None = None
        while self._pump is not None and not self._pump.done():
            try:
                await asyncio.shield(self._pump)
            except asyncio.CancelledError as error:
                cancelled = error
        self._thread.shutdown(wait=True)
        if cancelled is not None:
            raise cancelled
        self._raise_error()

    def add(self, outcome: Outcome) -> None:
        """Queue an outcome for commit."""
        self._outcomes.append(outcome)

    def add_all(self, outcomes: Iterable[Outcome]) -> None:
        """Queue several outcomes for commit."""
        self._outcomes.extend(outcomes)

    def end_case(self, end: CaseEnd) -> None:
        """Queue a case's end for commit, with or after its outcomes."""
        self._ends.append(end)
        rows = len(self._outcomes) + len(self._ends)
        if rows >= COMMIT_ROWS:
            self._worth_a_commit.set()
            if rows >= MAX_WAITING_ROWS:
                self._has_room.clear()

    @property
    def is_full(self) -> bool:
        """Whether `room` would wait, or raise."""
        return self._error is not None or not self._has_room.is_set()

    async def room(self) -> None:
        """Wait until there is room for more."""
        self._raise_error()
        while not self._has_room.is_set():  # checked again: it may fill up before this task runs
            await self._has_room.wait()
            self._raise_error()

    async def make_room(self) -> None:
        """Have everything that waits committed now, and wait until that has begun: at most as much waits again."""
        self._raise_error()
        self._has_room.clear()
        self._worth_a_commit.set()
        await self.room()

    async def _commit_until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._closing:
                timer = loop.call_later(COMMIT_INTERVAL_S, self._worth_a_commit.set)
                await self._worth_a_commit.wait()
                timer.cancel()
            self._worth_a_commit.clear()
            closing = self._closing
            outcomes, self._outcomes = self._outcomes, []
            ends, self._ends = self._ends, []
            self._has_room.set()
            if outcomes or ends:
                try:
                    await loop.run_in_executor(self._thread, self._commit, outcomes, ends)
                except BaseException as error:  # noqa: BLE001  # raised by the next write
                    self._error = error
                    self._has_room.set()
                    return
            if closing:
                return

    def _commit(self, outcomes: list[Outcome], ends: list[CaseEnd]) -> None:
        refuse_copy(self._forks, "writing its outcomes")
        self._store.append(self._run_id, without_secrets(outcomes), ends, fence=self._fence)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
