"""Calls that are passed to a thread together."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from themis.core.engine.calls.call_thread import CallThread, start_thread
from themis.core.processes.interruption import Interruption


class NotedCall:
    """A call of a function, which notes that it returned."""

    def __init__(self, function: Callable[[], Any], note: Callable[["NotedCall"], None]) -> None:
        self.error: BaseException | None = None
        self.now = None
        self._function = function
        self._note = note

    def carry_out(self) -> None:
        self._function()

    def returned(self) -> None:
        self._note(self)


def interrupt() -> None:
    raise Interruption


def test_an_interrupted_call_leaves_the_others_that_came_with_it_to_the_next_thread_that_serves() -> None:
    loop, thread = asyncio.new_event_loop(), CallThread()
    made: list[str] = []
    returned: list[NotedCall] = []
    functions = [lambda: made.append("first"), interrupt, lambda: made.append("third"), lambda: made.append("fourth")]
    calls = [NotedCall(function, returned.append) for function in functions]
    thread.put(loop, calls)
    thread.stop()
    with pytest.raises(Interruption):
        thread.serve()
    thread.serve()  # until the stop, which was put before the rest came back
    thread.stop()
    thread.serve()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert made == ["first", "third", "fourth"]
    assert returned == [calls[0], calls[2], calls[3]]


def test_calls_that_are_put_together_are_shared_by_the_threads_that_serve() -> None:
    loop, thread = asyncio.new_event_loop(), CallThread(2)
    both_run = threading.Barrier(2, timeout=20)
    returned: list[NotedCall] = []

    def note(call: NotedCall) -> None:
        returned.append(call)
        if len(returned) == 2:
            loop.stop()

    calls = [NotedCall(both_run.wait, note) for _ in range(2)]
    thread.put(loop, calls)
    for _ in range(2):
        start_thread(thread, "test")
    loop.call_later(30, loop.stop)
    loop.run_forever()
    loop.close()
    for _ in range(2):
        thread.stop()
    assert [call.error for call in calls] == [None, None]
    assert len(returned) == 2


def test_a_failed_call_returns_with_its_error_and_the_next_one_is_made() -> None:
    loop, thread = asyncio.new_event_loop(), CallThread()
    made: list[str] = []
    returned: list[NotedCall] = []
    calls = [NotedCall(lambda: made[0], returned.append), NotedCall(lambda: made.append("second"), returned.append)]
    thread.put(loop, calls)
    thread.stop()
    thread.serve()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert isinstance(calls[0].error, IndexError)
    assert (made, returned) == (["second"], calls)
