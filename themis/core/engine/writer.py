"""The writer of outcomes: one thread that stores them in group commits.

The event loop only appends to a list. A writer thread takes the whole list and commits it: often enough that a killed
process loses little, seldom enough that many outcomes share a commit's sync to disk. A run that ends before its first
commit needs no thread, in which a store would open one more connection.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Self

from themis.core.engine.spending import BatchSpend, OthersNow, Spending
from themis.core.outcomes.codec import without_secrets
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.processes.forks import line, refuse_copy
from themis.core.stores.job_rows import Fence
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.protocol import RunStore
from themis.core.text.masking import mask_json

COMMIT_INTERVAL_S = 0.2
"""Maximum seconds that an outcome waits for its commit, where a commit takes at most a tenth of them."""

MAX_COMMIT_INTERVAL_S = 2.0
"""The same, however long a commit takes: so much of a model's answers a killed process may lose."""

COMMIT_SHARE = 0.1
"""Share of the time that commits may take before they come less often."""

COMMIT_ROWS = 2_000
"""Rows that trigger a commit before the interval is over."""

COMMIT_BYTES = 8 * 1024 * 1024
"""Bytes of long texts that trigger a commit too; one commit holds so many, and the rest of its last outcome."""

MAX_WAITING_ROWS = 4_000
"""Rows that may wait; beyond that the engine waits for the disk."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes of long texts that may wait, those of the commit under way included; beyond that the engine waits too."""

_SHORT_TEXT = 256  # characters; shorter texts are not weighed, as the limit on rows bounds them too


class _Portion(NamedTuple):
    """What one commit holds: with `size` the bytes of its long texts, and `spend` what the run has spent."""

    outcomes: list[Outcome]
    ends: list[CaseEnd]
    size: int
    spend: str | None = None
    judge_calls: Sequence[JudgeCallRow] = ()


class OutcomeWriter:
    """Takes outcomes from the engine and commits them in the background; an async context manager.

    Attributes:
        is_full: whether `room` would wait, or raise.
        note: is told of each outcome that failed; what it raises is raised where the outcome was queued.
        notes_all: whether it is told of the others too; it returns whether it needs to be.

    Raises:
        StoreError: from `room` and at the end of the block, once a commit failed.
    """

    def __init__(
        self, store: RunStore, run_id: str, fence: Fence | None, spending: Spending | BatchSpend | None = None
    ) -> None:
        """A writer of the outcomes of `run_id`, under `fence` if there is one, with what was spent on them."""
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._spending = spending
        self._written: list[asyncio.Future[None]] = []
        self._outcomes: list[Outcome] = []
        self._ends: list[CaseEnd] = []
        self._judge_calls: list[JudgeCallRow] = []
        self._waiting_bytes = 0
        self._committing_bytes = 0
        self._thread: ThreadPoolExecutor | None = None
        self._commit_s = 0.0
        self._worth_a_commit = asyncio.Event()
        self.is_full = False
        self.note: Callable[[Outcome], bool] | None = None
        self.notes_all = False
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
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        if cancelled is not None:
            raise cancelled
        self._raise_error()

    def add(self, outcome: Outcome) -> None:
        """Queue an outcome for commit; raises what its `note` does."""
        self.add_all((outcome,))

    def add_all(self, outcomes: Iterable[Outcome]) -> None:
        """Queue several outcomes for commit; raises what its `note` does."""
        for outcome in outcomes:
            self._outcomes.append(outcome)
            if len(outcome.body) > _SHORT_TEXT or len(outcome.output or "") > _SHORT_TEXT:
                self._weigh(outcome)
            if (not outcome.ok or self.notes_all) and self.note is not None:
                self.notes_all = self.note(outcome)

    def add_judge_call(self, row: JudgeCallRow) -> None:
        """Queue the response of a judge for commit, before the outcome that it is a part of."""
        self._judge_calls.append(row)

    def end_case(self, end: CaseEnd) -> None:
        """Queue a case's end for commit, with or after its outcomes."""
        self._ends.append(end)
        rows = len(self._outcomes) + len(self._ends)
        if rows >= COMMIT_ROWS:
            self._worth_a_commit.set()
            if rows >= MAX_WAITING_ROWS:
                self._fill_up()

    async def room(self) -> None:
        """Wait until there is room for more."""
        self._raise_error()
        while not self._has_room.is_set():  # checked again: it may fill up before this task runs
            await self._has_room.wait()
            self._raise_error()

    async def flush(self) -> None:
        """Commit all that is there now, and return when it is in the store.

        Raises:
            StoreError: a commit failed.
        """
        self._raise_error()
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._written.append(written)
        self._worth_a_commit.set()
        await written
        self._raise_error()

    async def make_room(self) -> None:
        """Have everything that waits committed now, and wait until that has begun: at most as much waits again."""
        self._raise_error()
        self._fill_up()
        self._worth_a_commit.set()
        await self.room()

    async def _commit_until_closed(self) -> None:
        while True:
            if not self._closing:
                interval_s = commit_interval(self._commit_s)
                timer = asyncio.get_running_loop().call_later(interval_s, self._worth_a_commit.set)
                await self._worth_a_commit.wait()
                timer.cancel()
            self._worth_a_commit.clear()
            closing = self._closing
            waiting, self._written = self._written, []
            try:
                for_commit = self._take(closing=closing)
                while for_commit:
                    portion = for_commit.popleft()
                    await self._commit_one(portion, is_last=closing and not for_commit)
            except BaseException as error:  # noqa: BLE001  # raised by the next write
                self._error, self.is_full = error, True
                self._has_room.set()
                return
            finally:
                for written in waiting:
                    if not written.done():
                        written.set_result(None)
            if closing:
                return

    def _weigh(self, outcome: Outcome) -> None:
        """Count the long texts of an outcome that waits now."""
        self._waiting_bytes += _size_of(outcome)
        if self._waiting_bytes >= COMMIT_BYTES:
            self._worth_a_commit.set()
            if self._waiting_bytes + self._committing_bytes >= MAX_WAITING_BYTES:
                self._fill_up()

    def _take(self, *, closing: bool) -> deque[_Portion]:
        """Take all that waits, in the portions of its commits; the first has the spend, which is never behind them."""
        taken = _portions(self._outcomes, self._ends, self._waiting_bytes)
        spend = None if self._spending is None else self._spending.text(closing=closing)
        if spend is not None or self._judge_calls:
            first = taken.popleft() if taken else _Portion([], [], 0)
            taken.appendleft(first._replace(spend=spend, judge_calls=self._judge_calls))
        self._outcomes, self._ends, self._judge_calls = [], [], []
        self._waiting_bytes, self._committing_bytes = 0, sum(portion.size for portion in taken)
        self._make_room()
        return taken

    async def _commit_one(self, portion: _Portion, *, is_last: bool) -> None:
        """Commit one portion and forget it: in the writer's thread, except for the only commit of a run."""
        if self._thread is None and is_last:
            others = self._commit(portion)
        else:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="themis-writer")
            others = await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, portion)
        if portion.spend is not None and self._spending is not None:
            self._spending.written(others)
        self._committing_bytes -= portion.size
        self._make_room()

    def _make_room(self) -> None:
        if (
            self._waiting_bytes + self._committing_bytes < MAX_WAITING_BYTES
            and len(self._outcomes) + len(self._ends) < MAX_WAITING_ROWS
        ):
            self._has_room.set()
            self.is_full = self._error is not None

    def _fill_up(self) -> None:
        """Let the engine wait until there is room again."""
        self._has_room.clear()
        self.is_full = True

    def _commit(self, portion: _Portion) -> OthersNow | None:
        refuse_copy(self._forks, "writing its outcomes")
        began_s = time.monotonic()
        others = self._store_portion(portion)
        # Half of it is the past: one commit that waited for another process does not decide alone.
        self._commit_s = (self._commit_s + time.monotonic() - began_s) / 2
        return others

    def _store_portion(self, portion: _Portion) -> OthersNow | None:
        outcomes, ends, _, spend, judge_calls = portion
        if spend is None and not judge_calls:
            self._store.append(self._run_id, without_secrets(outcomes), ends, fence=self._fence)
            return None
        with self._store.transaction():
            if isinstance(self._spending, Spending) and self._spending.others is not None:
                self._store.lock_run(self._run_id)  # what others write of their spends is before this, or after it
            if judge_calls:
                rows = [row._replace(response=mask_json(row.response)) for row in judge_calls]
                self._store.save_judge_calls(self._run_id, rows, fence=self._fence)
            if outcomes or ends:
                self._store.append(self._run_id, without_secrets(outcomes), ends, fence=self._fence)
            if spend is not None and self._spending is not None:
                self._store.put_spend(self._run_id, self._spending.execution, mask_json(spend), fence=self._fence)
                return self._spending.others_now()
        return None

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def commit_interval(commit_s: float) -> float:
    """Return the seconds between commits, of which each takes `commit_s`: many writers of one store leave it room."""
    return min(max(COMMIT_INTERVAL_S, commit_s / COMMIT_SHARE), MAX_COMMIT_INTERVAL_S)


def _size_of(outcome: Outcome) -> int:
    """Bytes of memory that the long texts of an outcome take."""
    texts = (outcome.output, outcome.body, outcome.retries)
    return sum(sys.getsizeof(text) for text in texts if text is not None and len(text) > _SHORT_TEXT)


def _portions(outcomes: list[Outcome], ends: list[CaseEnd], size: int) -> deque[_Portion]:
    """Divide what waits, with long texts of `size` bytes, into commits; the last has the ends, after all outcomes."""
    found: deque[_Portion] = deque()
    if size > COMMIT_BYTES:
        outcomes, undivided, size = [], outcomes, 0
        for outcome in undivided:
            if size >= COMMIT_BYTES:
                found.append(_Portion(outcomes, [], size))
                outcomes, size = [], 0
            outcomes.append(outcome)
            size += _size_of(outcome)
    if outcomes or ends:
        found.append(_Portion(outcomes, ends, size))
    return found
