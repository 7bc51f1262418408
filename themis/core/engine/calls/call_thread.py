"""The thread of synchronous components: it makes their calls one by one, and passes the answers to the event loop.

A component may keep state, a connection or an event loop of its own, and need not be thread-safe: so all its calls are
made in one thread. If a blocking function began the run, that is the thread that called it, usually the process's main
thread, in which signals work; the event loop then runs in a second thread.

Passing a call from one thread to the other costs as much as a call of an instant component. So the calls of one turn of
the loop come together, and their answers go back together: the busier both are, the less it costs.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import get_ident
from time import perf_counter
from typing import Any, Protocol, TypeVar

from themis.core.engine.calls.interrupts import came_from_signal
from themis.core.processes.forks import end_copy, line
from themis.core.processes.interruption import Interruption

Value = TypeVar("Value")

TOGETHER_CALLS = 256
"""Maximum number of answers that go back together."""

TOGETHER_S = 0.01
"""Maximum seconds that an answer waits for others, plus the call in progress."""


_STOP = (None, None)


class Call(Protocol):
    """A piece of work for the thread of a component.

    Attributes:
        error: the exception that `carry_out` raised.
        now: a description of what it does now; None when there is none.
    """

    error: BaseException | None
    now: Any

    def carry_out(self) -> None:
        """Do the work, in that thread."""

    def returned(self) -> None:
        """Continue, on the event loop that asked for it."""


class CallThread:
    """A queue of calls, made by the thread or threads that `serve` it.

    Attributes:
        is_calling: whether calls are being made.
        running: the call that each serving thread makes now.
    """

    def __init__(self, threads: int = 1) -> None:
        """Let `threads` threads serve; until the first does, calls wait."""
        self._calls: SimpleQueue[Any] = SimpleQueue()
        self._threads = threads
        self._forks = line.forks
        self.is_calling = False
        self.running: dict[int, Call] = {}

    def put(self, loop: asyncio.AbstractEventLoop, calls: Sequence[Call]) -> None:
        """Enqueue calls; afterwards `loop` continues with each."""
        if self._threads == 1:
            self._calls.put((loop, calls))
        else:
            for call in calls:
                self._calls.put((loop, (call,)))

    def stop(self) -> None:
        """Make one serving thread return, once the calls before this are made."""
        self._calls.put(_STOP)

    def serve(self) -> None:
        """Make calls until `stop`.

        Raises:
            KeyboardInterrupt: it came from a signal.
            Interruption: it was requested during a call.
        """
        me = get_ident()
        item = self._calls.get()
        while item is not _STOP:
            self.is_calling = True
            try:
                item = self._make_some(item, me)
            finally:
                self.is_calling = False
                self.running.pop(me, None)
            item = item or self._calls.get()

    def _make_some(self, item: Any, me: int) -> Any:
        """Make waiting calls of one loop in thread `me`; returns the next item, None when there is none yet."""
        loop, waiting = item[0], iter(item[1])
        made: list[Call] = []
        began_s = perf_counter()
        try:
            while item is not None and item[0] is loop:
                waiting = iter(item[1])
                for call in waiting:
                    self.running[me] = call
                    self._make(call)
                    made.append(call)
                    if len(made) >= TOGETHER_CALLS or perf_counter() - began_s > TOGETHER_S:
                        _return(loop, made)
                        made, began_s = [], perf_counter()
                item = self._next()
        except BaseException:  # only the call in progress is interrupted
            if rest := tuple(waiting):
                self._calls.put((loop, rest))
            raise
        finally:
            if made:
                _return(loop, made)
        return item

    def _next(self) -> Any:
        try:
            return self._calls.get_nowait()
        except Empty:
            return None

    def _make(self, call: Call) -> None:
        try:
            call.carry_out()
        except BaseException as error:  # raised again by the code that awaits it
            if line.forks != self._forks:
                end_copy(error)
            if isinstance(error, Interruption) or (isinstance(error, KeyboardInterrupt) and came_from_signal(error)):
                raise
            call.error = error
        if line.forks != self._forks:
            end_copy()


class Home(Protocol):
    """A blocking function in progress, and the thread that it was called in."""

    calls: CallThread

    def leave(self, error: BaseException) -> None:
        """Make the function raise `error`, whatever its event loop does."""


home: contextvars.ContextVar[Home | None] = contextvars.ContextVar("home", default=None)
"""The blocking function that runs this; None under a caller's event loop."""


class OneCall:
    """A call of a function whose answer is awaited."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...] = (), now: Any = None) -> None:
        """Call `function` with `arguments`, which `now` describes; constructed on the event loop."""
        self.error: BaseException | None = None
        self.now = now
        self.answered: asyncio.Future[OneCall] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self._function = function
        self._arguments = arguments

    def carry_out(self) -> None:
        """Call it, unless the answer is no longer awaited."""
        if not self.answered.done():
            self.result = self._function(*self._arguments)

    def returned(self) -> None:
        """Wake the task that awaits the answer."""
        if not self.answered.done():
            self.answered.set_result(self)

    def answer(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.result


async def make_call(thread: CallThread, function: Callable[..., Any], *arguments: Any, now: Any = None) -> Any:
    """Call a function, which `now` describes, in `thread` and return its result."""
    call = OneCall(function, arguments, now)
    thread.put(asyncio.get_running_loop(), (call,))
    return (await call.answered).answer()


async def at_home(function: Callable[[], Value]) -> Value:
    """Call a function in the thread of the blocking function, else in this one, and return its result."""
    blocking = home.get()
    if blocking is None:
        return function()
    value: Value = await make_call(blocking.calls, function)
    return value


def start_thread(calls: CallThread, name: str) -> None:
    """Start a thread that serves `calls`, with the context of the caller.

    It is a daemon: a component that never returns must not keep the process alive, as it would in a pool.
    """
    threading.Thread(target=contextvars.copy_context().run, args=(calls.serve,), name=name, daemon=True).start()


def _return(loop: asyncio.AbstractEventLoop, made: list[Call]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nothing waits any more
        loop.call_soon_threadsafe(_go_on, made)


def _go_on(made: list[Call]) -> None:
    for call in made:
        call.returned()
