"""Metrics that work in one thread only, or alone only, as many do; each is right when every case scores 1.

They take their time, so that whoever calls them at the same time, or elsewhere, is found out.
"""

import asyncio
import multiprocessing
import signal
import sqlite3
import threading
import time
from typing import Any

from themis.core.models import Score

_here = threading.local()


class _Connections(list[sqlite3.Connection]):
    """Those of one thread, which alone may close them: at its end, or when it is asked to."""

    def close(self) -> None:
        while self:
            self.pop().close()

    __del__ = close


def _connect() -> sqlite3.Connection:
    if not hasattr(_here, "connections"):
        _here.connections = _Connections()
    _here.connections.append(sqlite3.connect(":memory:"))
    made: sqlite3.Connection = _here.connections[-1]
    return made


def close_connections() -> None:
    """Close what metrics have connected in this thread."""
    if hasattr(_here, "connections"):
        _here.connections.close()


class _Metric:
    version = "1"

    def __init__(self, work_s: float = 0.01) -> None:
        """Take so many seconds for a case."""
        self.component_id = f"bound/{type(self).__name__.lower()}"
        self._work_s = work_s

    def fingerprint(self) -> str:
        return "1"

    def score(self, parsed: Any, case: Any, ctx: Any) -> Score:
        return Score(metric_id=self.component_id, value=float(self.value(case)))

    def value(self, case: Any) -> float:
        raise NotImplementedError


class Stateful(_Metric):
    """Keeps a value on itself from one step to the next."""

    def value(self, case: Any) -> float:
        self.current = case.case_id
        time.sleep(self._work_s)
        return float(self.current == case.case_id)


class Asking(_Metric):
    """Awaits something, in an event loop of its own."""

    def value(self, case: Any) -> float:
        time.sleep(self._work_s)
        return asyncio.run(asyncio.sleep(0, 1.0))


class Alarmed(_Metric):
    """Limits its own time by an alarm, which rings only in a process's main thread."""

    def value(self, case: Any) -> float:
        rang = []
        before = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
        signal.setitimer(signal.ITIMER_REAL, self._work_s / 2)
        try:
            time.sleep(self._work_s)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return len(rang)


class Connected(_Metric):
    """Has a connection that belongs to the thread which made it, when the metric was made."""

    def __init__(self, work_s: float = 0.01) -> None:
        """Connect at once."""
        super().__init__(work_s)
        self.database = _connect()

    def value(self, case: Any) -> float:
        time.sleep(self._work_s)
        return float(self.database.execute("SELECT 1").fetchone()[0])


class LateConnected(_Metric):
    """The same, but it connects when it is first called."""

    database: sqlite3.Connection | None = None

    def value(self, case: Any) -> float:
        self.database = self.database or _connect()
        time.sleep(self._work_s)
        return float(self.database.execute("SELECT 1").fetchone()[0])


class Pooled(_Metric):
    """Has processes work for it, and ends them by a signal."""

    def value(self, case: Any) -> float:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return sum(pool.map(abs, [1, -1])) / 2


ALL = [Stateful, Asking, Alarmed, Connected, Pooled]
