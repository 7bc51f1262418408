"""The thread of synchronous components: it makes their calls one after the other, and hands the answers to the loop.

A component may keep state, a connection or an event loop of its own, and may be used to being alone: so all its calls
are made in one thread. Where a run is begun by a blocking function that is the thread that called it, as a rule the
process's main one, in which signals work; the event loop then runs in a second thread.

A hand-over from one thread to the other costs as much as what an instant component does. So the loop only appends to a
queue, and the answers of all calls that were waiting go back together: the busier both are, the less it costs.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Protocol, TypeVar

from themis.core.engine.calls.interrupts import came_from_signal
from themis.core.processes.forks import end_copy, line
from themis.core.processes.interruption import Interruption

Value = TypeVar("Value")

TOGETHER_CALLS = 256
"""Answers that go back together at most."""

TOGETHER_S = 0.005
"""Seconds that an answer waits for others at most, beside the call that is being made."""


_STOP = (None, None)


class Call(Protocol):
    """Something to be done in the thread of a component.

    Attributes:
        error: what `carry_out` raised.
    """

    error: BaseException | None

    def carry_out(self) -> None:
        """Do it, in that thread."""

    def returned(self) -> None:
        """Go on, on the event loop that asked for it."""


class CallThread:
    """Makes calls, in whatever thread or threads `serve` it.

    Attributes:
        is_calling: whether calls are being made.
    """

    def __init__(self) -> None:
        """Nobody serves it yet; calls wait."""
        self._calls: SimpleQueue[Any] = SimpleQueue()
        self._forks = line.forks
        self.is_calling = False

    def put(self, loop: asyncio.AbstractEventLoop, call: Call) -> None:
        """Have a call made; afterwards `loop` goes on with it."""
        self._calls.put((loop, call))

    def stop(self) -> None:
        """Have one thread that serves return, once the calls before are made."""
        self._calls.put(_STOP)

    def serve(self) -> None:
        """Make calls until `stop`.

        Raises:
            KeyboardInterrupt: a signal brought it.
            Interruption: it was asked for while a call was made.
        """
        item = self._calls.get()
        while item is not _STOP:
            made: list[Call] = []
            loop = item[0]
            self.is_calling = True
            try:
                item = self._make_some(item, made)
            finally:
                self.is_calling = False
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_go_on, made)
            item = item or self._calls.get()

    def _make_some(self, item: Any, made: list[Call]) -> Any:
        """Make calls of one loop that wait; what comes after them, None for nothing yet."""
        loop, began_s = item[0], perf_counter()
        while item[0] is loop:
            self._make(item[1])
            made.append(item[1])
            if len(made) >= TOGETHER_CALLS or perf_counter() - began_s > TOGETHER_S:
                return None
            try:
                item = self._calls.get_nowait()
            except Empty:
                return None
        return item

    def _make(self, call: Call) -> None:
        try:
            call.carry_out()
        except BaseException as error:  # raised again where it is waited for
            if line.forks != self._forks:
                end_copy(error)
            if isinstance(error, Interruption) or (isinstance(error, KeyboardInterrupt) and came_from_signal(error)):
                raise
            call.error = error
        if line.forks != self._forks:
            end_copy()


class Home(Protocol):
    """A blocking function that is under way, and the thread that it was called in."""

    calls: CallThread

    def leave(self, error: BaseException) -> None:
        """Have the function raise `error`, whatever its event loop does."""


home: contextvars.ContextVar[Home | None] = contextvars.ContextVar("home", default=None)
"""What runs this; None under a caller's event loop."""


class OneCall:
    """A call of a function, whose answer is waited for."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...] = ()) -> None:
        """Of `function` with `arguments`; made on the event loop."""
        self.error: BaseException | None = None
        self.answered: asyncio.Future[OneCall] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self._function = function
        self._arguments = arguments

    def carry_out(self) -> None:
        """Call it, unless nobody waits any more."""
        if not self.answered.done():
            self.result = self._function(*self._arguments)

    def returned(self) -> None:
        """Tell who waits."""
        if not self.answered.done():
            self.answered.set_result(self)

    def answer(self) -> Any:
        """What the function returned, or raised."""
        if self.error is not None:
            raise self.error
        return self.result


async def make_call(thread: CallThread, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, called in `thread`."""
    call = OneCall(function, arguments)
    thread.put(asyncio.get_running_loop(), call)
    return (await call.answered).answer()


async def at_home(function: Callable[[], Value]) -> Value:
    """What a function returns, called in the thread that a blocking function was called in; else here."""
    blocking = home.get()
    if blocking is None:
        return function()
    value: Value = await make_call(blocking.calls, function)
    return value


def start_thread(calls: CallThread, name: str) -> None:
    """Have `calls` be served by a thread of its own, with the context of who starts it.

    It is a daemon: a component that never returns must not keep the process alive, as it would in a pool.
    """
    threading.Thread(target=contextvars.copy_context().run, args=(calls.serve,), name=name, daemon=True).start()


def _go_on(made: list[Call]) -> None:
    for call in made:
        call.returned()
