"""Asynchronous work for a blocking caller: the event loop in a second thread, synchronous components in the caller's.

Signals, and the alarms that components set, reach only a process's main thread; an event loop needs a thread that is
never blocked. So the caller of a blocking function lends its thread to synchronous components until the work is over.

In a notebook a cell is run within the event loop of its kernel, where a component could not begin a loop of its own. So
there synchronous components have a thread of their own, as under the asynchronous form.
"""

import asyncio
import contextvars
import errno
import resource
import selectors
import signal
import socket
import threading
import time
from collections.abc import Collection, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from themis.core import stores
from themis.core.engine.calls.call_thread import CallThread, home
from themis.core.errors import OpenFilesError, RunningLoopError
from themis.core.processes.forks import Handler, handling
from themis.core.processes.interruption import Interruptible, Interruption, interruptible
from themis.core.python.notebook import in_a_cell

Value = TypeVar("Value")

LAST_WORD_S = 5.0
"""Seconds that cancelled tasks have to end in order."""

GRACE_S = 0.5
"""Seconds that a component's call, whose answer is no longer needed, has to end by itself."""

AGAIN_S = 0.1
"""Seconds until a call that does not end is interrupted again."""

# Kept, because a task that is garbage-collected gets one more exception, which it would ignore too, with a warning.
_abandoned: list["asyncio.Task[Any]"] = []


def refuse_running_loop(method: str) -> None:
    """Raise RunningLoopError where a blocking method would block a running event loop, and whatever else it runs.

    A notebook's cell may: its kernel waits for the end of a cell, whatever the cell does.
    """
    if _has_running_loop() and not in_a_cell():
        raise RunningLoopError(method=method)


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run_to_end(main: Coroutine[Any, Any, Value], *, stop_on: Collection[int] = ()) -> Value:
    """Run `main` in an event loop of its own, as `asyncio.run` does, and return its result.

    There are two differences: the loop has a thread of its own, while this one makes the calls of synchronous
    components, unless it has a running loop; and a task that ignores its cancellation, for which `asyncio.run` would
    wait forever, is abandoned.

    Args:
        main: the coroutine to run.
        stop_on: the signals that cancel it.

    Raises:
        asyncio.CancelledError: one of these signals cancelled it.
        KeyboardInterrupt: it was interrupted: the first interrupt cancels it, the second abandons it.
    """
    value: Value = _Work(main).carry_out(stop_on)
    return value


def _new_loop(main: Coroutine[Any, Any, Any]) -> asyncio.AbstractEventLoop:
    """Return a new event loop for `main`, which is closed if no loop can be made."""
    try:
        with selectors.DefaultSelector():  # a half-initialized loop warns when it is garbage-collected
            for end in socket.socketpair():
                end.close()
        return asyncio.new_event_loop()
    except OSError as error:
        main.close()
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise OpenFilesError(limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0]) from error
        raise


class _Work:
    """A coroutine that a second thread runs.

    Attributes:
        calls: those for the thread that waits.
    """

    def __init__(self, main: Coroutine[Any, Any, Any]) -> None:
        self.calls = CallThread()
        self._main = main
        self._loop = _new_loop(main)
        self._task: asyncio.Task[Any] | None = None
        self._is_over = False
        self._left: BaseException | None = None
        self._failed: BaseException | None = None
        self._interrupts = 0
        self._lent: Interruptible | None = None
        self._looping: Interruptible | None = None
        self._returned = threading.Event()
        self._lends_thread = not _has_running_loop()

    def carry_out(self, stop_on: Collection[int]) -> Any:
        """Lend this thread, which waits, to components until the work is over."""
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._run_loop,), name="themis-loop", daemon=True)
        handlers: dict[int, Handler] = dict.fromkeys(stop_on, self._on_stop)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            handlers[signal.SIGINT] = self._on_interrupt
        with interruptible(self._may_be_interrupted, spared=stores) as self._lent, handling(handlers):
            thread.start()
            try:
                self._serve()
                if self._left is None:
                    thread.join(2 * LAST_WORD_S)
            except BaseException as error:
                self._leave_loop(thread, error)
                raise
        return self._result()

    def leave(self, error: BaseException) -> None:
        """Make the function raise `error`, whatever its event loop does; callable from any thread."""
        self._left = error
        self.calls.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        threading.Thread(target=self._free_lent_thread, daemon=True).start()

    # --- in the caller's thread

    def _serve(self) -> None:
        try:
            while not self._serves_until_interrupted():
                self._cancel()
        except Interruption:
            if not (self._is_over or self._left):
                raise  # meant for an outer block
        finally:
            self._returned.set()

    def _serves_until_interrupted(self) -> bool:
        """Make calls until there are no more; False when that was interrupted."""
        try:
            self.calls.serve()
        except KeyboardInterrupt:
            self._interrupts += 1
            if self._interrupts > 1:
                raise
            return False
        return True

    def _on_stop(self, _number: int, _frame: object) -> None:
        self._cancel()

    def _on_interrupt(self, _number: int, _frame: object) -> None:
        self._interrupts += 1
        if self._interrupts > 1:
            raise KeyboardInterrupt
        self._cancel()

    def _cancel(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _may_be_interrupted(self) -> bool:
        return self.calls.is_calling and (self._is_over or self._left is not None)

    def _leave_loop(self, thread: threading.Thread, error: BaseException) -> None:
        """End the loop, even if something blocks it; a loop that does not end is abandoned."""
        self._cancel()
        patient_until = time.monotonic() + LAST_WORD_S
        while thread.is_alive() and time.monotonic() < patient_until:
            came_round = threading.Event()
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(came_round.set)
            thread.join(AGAIN_S)
            if thread.is_alive() and not came_round.is_set() and self._looping is not None:
                self._looping.ring()
        if thread.is_alive():
            self._left = error
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _result(self) -> Any:
        if self._left is not None:
            raise self._left
        if self._failed is not None:
            raise self._failed
        assert self._task is not None  # noqa: S101  # otherwise it failed
        if self._interrupts and (self._task.cancelled() or self._task.exception() is None):
            raise KeyboardInterrupt  # even if it came too late to cancel anything: it may be meant for the caller too
        return self._task.result()

    # --- in the loop's thread

    def _run_loop(self) -> None:
        home.set(self if self._lends_thread else None)
        self._looping = Interruptible(lambda: not self._is_over, spared=stores)
        asyncio.set_event_loop(self._loop)
        try:
            self._task = self._loop.create_task(self._main)
            self._run_until_done(self._task)
            self._is_over = True
            self.calls.stop()
            self._end_loop()
        except BaseException as error:  # noqa: BLE001  # raised in the caller's thread
            self._failed = error
            self._is_over = True
            self.calls.stop()
        self._free_lent_thread()

    def _run_until_done(self, task: "asyncio.Task[Any]") -> None:
        task.add_done_callback(lambda _: self._loop.stop())
        while not task.done() and self._left is None:
            # No signal arrives in this thread: a task of a component wants to end the process.
            with suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_forever()

    def _end_loop(self) -> None:
        loop = self._loop
        # An abandoned loop may run nothing more: its work is settled without it.
        stubborn = loop.run_until_complete(_stop_all()) if self._left is None else asyncio.all_tasks(loop)
        if stubborn:
            _abandoned.extend(stubborn)
            loop.set_exception_handler(lambda _loop, _context: None)  # it would report the abandoned tasks
        else:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()

    def _free_lent_thread(self) -> None:
        """Interrupt a component that still runs after the work is over, until it gives the thread back."""
        wait_s = GRACE_S
        while not self._returned.wait(wait_s):
            wait_s = AGAIN_S
            if self._lent is not None:
                self._lent.ring()


async def _stop_all() -> "set[asyncio.Task[Any]]":
    """Stop all other tasks of this loop; returns those that did not end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if not others:
        return set()
    _, pending = await asyncio.wait(others, timeout=LAST_WORD_S)
    return pending
