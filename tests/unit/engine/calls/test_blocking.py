"""Work for a caller who waits: what interrupts it, what is left to itself, and what comes back."""

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.lab import ScriptedMetric, dataset, experiment
from themis.core.engine.calls import blocking
from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.calls.call_thread import at_home
from themis.core.engine.cases.one_evaluation import ScorePart
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import OpenFilesError, TimeLimitError
from themis.core.jobs.time_limit import within
from themis.core.processes.interruption import Interruption
from themis.core.stores import InMemoryRunStore

MAIN = threading.main_thread()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(blocking, "LAST_WORD_S", 0.4)
    monkeypatch.setattr(blocking, "GRACE_S", 0.1)
    monkeypatch.setattr(blocking, "AGAIN_S", 0.05)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGURG)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


def interrupt() -> None:
    signal.pthread_kill(MAIN.ident or 0, signal.SIGINT)


def spin(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass


async def called(function: Any) -> Any:
    """A function called as a synchronous component is."""
    return await at_home(function)


def test_what_is_returned_or_raised_comes_back() -> None:
    async def program(error: Exception | None) -> str:
        await asyncio.sleep(0)
        if error:
            raise error
        return threading.current_thread().name

    assert run_to_end(program(None)) == "themis-loop"
    with pytest.raises(ZeroDivisionError):
        run_to_end(program(ZeroDivisionError()))


def test_the_calls_of_components_are_made_here() -> None:
    async def program() -> Any:
        return await called(threading.current_thread), await asyncio.gather(
            *(called(threading.get_ident) for _ in range(600))
        )

    thread, idents = run_to_end(program())
    assert thread is MAIN
    assert set(idents) == {MAIN.ident}


def test_a_first_interrupt_cancels_and_is_raised_at_the_end() -> None:
    ended: list[str] = []

    async def program() -> None:
        interrupt()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            ended.append("in order")
            raise

    with pytest.raises(KeyboardInterrupt):
        run_to_end(program())
    assert ended == ["in order"]


def test_an_interrupt_that_comes_too_late_to_cancel_anything_is_not_lost() -> None:
    async def program() -> int:
        interrupt()
        time.sleep(0.1)  # noqa: ASYNC251  # the interrupt arrives meanwhile
        return 1

    with pytest.raises(KeyboardInterrupt):
        run_to_end(program())


def test_an_interrupt_during_a_slow_call_ends_it_after_a_grace() -> None:
    def slow() -> None:
        interrupt()
        time.sleep(60)

    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_to_end(called(slow))
    assert time.monotonic() - began_s < 5


def test_a_call_that_nobody_waits_for_any_more_is_interrupted_again_and_again() -> None:
    caught: list[BaseException] = []

    def deaf() -> None:
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s and len(caught) < 3:
            with suppress(Exception):
                try:
                    time.sleep(20)
                except BaseException as error:
                    caught.append(error)

    async def program() -> str:
        task = asyncio.create_task(called(deaf))
        await asyncio.sleep(0.05)
        del task
        return "done"

    assert run_to_end(program()) == "done"
    assert [type(error) for error in caught] == [Interruption] * 3


@pytest.mark.parametrize("busy", [spin, time.sleep])
def test_a_second_interrupt_leaves_a_blocked_loop(busy: Any) -> None:
    async def program() -> None:
        threading.Timer(0.1, interrupt).start()
        threading.Timer(0.3, interrupt).start()
        busy(2.5)

    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_to_end(program())
    assert time.monotonic() - began_s < 2.4


def test_a_signal_that_stops_it_cancels_it() -> None:
    async def program() -> None:
        signal.pthread_kill(MAIN.ident or 0, signal.SIGTERM)
        await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        run_to_end(program(), stop_on=[signal.SIGTERM])


@pytest.mark.parametrize("busy", [spin, time.sleep])
def test_the_time_limit_holds_for_a_loop_that_is_blocked(busy: Any) -> None:
    went_on: list[int] = []

    async def work() -> None:
        busy(3.0)
        await asyncio.sleep(0)
        went_on.append(1)

    began_s = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"the time limit of 0\.2 s is over"):
        run_to_end(within(0.2, work()))
    assert time.monotonic() - began_s < 2.5
    if busy is time.sleep:  # what is left to itself does nothing more when it comes to
        time.sleep(max(0.0, 3.3 - (time.monotonic() - began_s)))
    assert went_on == []


@pytest.mark.parametrize("busy", [spin, time.sleep])
def test_the_time_limit_holds_for_a_call_that_blocks(busy: Any) -> None:
    began_s = time.monotonic()
    with pytest.raises(TimeLimitError):
        run_to_end(within(0.2, called(lambda: busy(20))))
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("busy", [spin, time.sleep])
def test_the_time_limit_holds_in_another_thread_too(busy: Any) -> None:
    found: list[BaseException] = []

    def wait() -> None:
        try:
            run_to_end(within(0.2, called(lambda: busy(1.5))))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(10)
    assert [type(error) for error in found] == [TimeLimitError]


@pytest.mark.parametrize("busy", [spin, time.sleep])
def test_the_time_limit_holds_for_a_callers_loop_that_is_blocked(busy: Any) -> None:
    async def work() -> None:
        busy(20)

    began_s = time.monotonic()
    with pytest.raises(TimeLimitError):
        asyncio.run(within(0.2, work()))
    assert time.monotonic() - began_s < 5


def test_what_ignores_its_cancellation_is_left_to_itself() -> None:
    released = threading.Event()

    async def endless() -> None:
        while not released.is_set():
            with suppress(BaseException):
                await asyncio.sleep(0.01)

    async def program() -> str:
        asyncio.create_task(endless())  # noqa: RUF006  # nobody holds it
        await asyncio.sleep(0.02)
        return "done"

    assert run_to_end(program()) == "done"
    released.set()


def test_work_that_ignores_its_cancellation_does_nothing_more_once_it_is_left() -> None:
    released, rounds = threading.Event(), list[int]()

    async def endless() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
            rounds.append(1)

    threading.Timer(0.1, interrupt).start()
    threading.Timer(0.2, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_to_end(endless())
    until = len(rounds)
    time.sleep(0.2)
    assert len(rounds) == until
    released.set()


def test_what_still_runs_at_the_end_is_cancelled_and_can_end() -> None:
    ended: list[int] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(1)

    async def program() -> str:
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        del task
        return "done"

    assert run_to_end(program()) == "done"
    assert ended == [1]


def test_nested_work_is_interrupted_from_outside() -> None:
    async def inner() -> None:
        await asyncio.sleep(60)

    began_s = time.monotonic()
    with pytest.raises(TimeLimitError):
        run_to_end(within(0.2, called(lambda: run_to_end(inner()))))
    assert time.monotonic() - began_s < 5


def test_an_error_of_the_engine_in_a_components_thread_ends_the_run_and_hangs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScorePart, "take", lambda *_: 1 / 0)
    for subscribers in ([], [object()]):
        with pytest.raises(ZeroDivisionError):
            experiment(metrics=[ScriptedMetric()], datasets=[dataset(60)]).run(subscribers=subscribers)


def test_an_error_on_the_way_back_to_the_loop_ends_the_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OutcomeWriter, "add_all", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        experiment(metrics=[ScriptedMetric()], datasets=[dataset(60)]).run()


def test_what_a_run_has_in_its_threads_is_dropped_when_it_is_cancelled() -> None:
    store, scored = InMemoryRunStore(), list[str]()

    def score(value: Any, case: Any) -> float:
        scored.append(case.case_id)
        if len(scored) == 4:
            interrupt()
        time.sleep(0.01)
        return 1.0

    lab = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(80)])
    with pytest.raises(KeyboardInterrupt):
        lab.run(store=store)
    assert len(scored) < 40
    result = lab.run(store=store)
    assert (result.status, len(result.cases)) == ("completed", 80)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_process_that_may_open_no_more_files_says_so_in_one_line(
    left: int, capfd: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None: ...

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(opened) + 40, hard))
    try:
        with suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(left):
            os.close(opened.pop())
        with pytest.raises(OpenFilesError, match="too many files are open"):
            run_to_end(work())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in opened:
            os.close(descriptor)
    assert not capfd.readouterr().err
