"""The choice of the thread for the calls of a synchronous component.

All calls of all components of a run are made in one thread, one after the other. Only a component that declares
`concurrent = 4` has threads of its own, as many as it says, within the limits of the run.
"""

from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.engine.calls.call_thread import CallThread, home, start_thread
from themis.core.outcomes.stages import NAMES, Stage


class SyncCalls:
    """The component threads of one run."""

    def __init__(self, runtime: RuntimeConfig) -> None:
        """Use the limits of `runtime`. No thread is started before it is needed."""
        self._runtime = runtime
        self._alone: CallThread | None = None
        self._concurrent: dict[int, CallThread] = {}
        self._started: list[CallThread] = []

    def thread_of(self, component: Any, stage: Stage) -> CallThread:
        """The thread for the calls of `component`, the same each time."""
        threads = min(
            getattr(component, "concurrent", 1),
            self._runtime.stage_concurrency.get(NAMES[stage].concurrency_key, self._runtime.max_concurrent_tasks),
            self._runtime.max_concurrent_tasks,
        )
        if threads > 1:
            if id(component) not in self._concurrent:
                self._concurrent[id(component)] = self._start(threads)
            return self._concurrent[id(component)]
        if self._alone is None:
            blocking = home.get()
            self._alone = blocking.calls if blocking is not None else self._start(1)
        return self._alone

    def running(self) -> list[Any]:
        """Return a description of each call that is being made now, see `Call.now`; callable from any thread."""
        threads = {id(thread): thread for thread in (self._alone, *self._started) if thread is not None}
        calls = [call for thread in threads.values() for call in thread.running.copy().values()]
        return [now for call in calls if (now := call.now) is not None]

    def close(self) -> None:
        """End the threads that were started; a call in progress is abandoned."""
        for thread in self._started:
            thread.stop()

    def _start(self, threads: int) -> CallThread:
        calls = CallThread(threads)
        for _ in range(threads):
            start_thread(calls, "themis-components")
            self._started.append(calls)
        return calls
