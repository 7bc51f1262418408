"""What an operator sets holds for runs that go on, and what they do is written for him; a disk ends no run."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from themis.core.config import RuntimeConfig
from themis.core.engine.limits import Admission, Feedback, Ticket
from themis.core.engine.limits import providers as providers_module
from themis.core.engine.limits.provider_limits import ProviderLimits
from themis.core.engine.limits.provider_rules import rules_of, strictest
from themis.core.engine.limits.providers import providers
from themis.core.engine.limits.share import Share
from themis.core.errors import LimitFileError
from themis.core.outcomes.stages import Stage
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.full_providers import full_providers
from themis.core.shared_limits.holder import this_holder
from themis.core.shared_limits.limit_file import LimitFile
from themis.core.values.adaptive import AdaptiveConfig
from themis.core.values.provider_state import ProviderState
from themis.core.values.run_rules import OperatorRules

KEY = "openai:https://ann:hunter2pass@gw.example/v1?key=sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
NAME = "openai:https://***@gw.example/v1?***"
ANSWER_S = 0.002
FREELY = RuntimeConfig(max_concurrent_tasks=40, adaptive=None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, which is looked at very often."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    monkeypatch.setattr(providers_module, "FIRST_AFTER_S", 0.01)
    monkeypatch.setattr(providers_module, "EVERY_S", 0.02)
    return tmp_path / "limits"


def allow(calls: int | None) -> None:
    LimitFile(NAME).update(lambda now: replace(now, operator=OperatorRules(calls)))


class Asking:
    """A run that asks, with as many calls at once as it may."""

    def __init__(self, runtime: RuntimeConfig, credential: str | None = None) -> None:
        self.in_flight = self.highest = 0
        self.admission = Admission(runtime)
        self._gate = self.admission.gate(Stage.GENERATE, KEY, SimpleNamespace(credential=credential))

    @property
    def state(self) -> ProviderState:
        (state,) = self.admission.states()
        return state

    async def ask(self) -> None:
        while True:
            ticket = self._gate.ticket("x")
            if not self._gate.enter_at_once(ticket):
                await self._gate.enter(ticket)
            self.in_flight += 1
            self.highest = max(self.highest, self.in_flight)
            try:
                await asyncio.sleep(ANSWER_S)
            finally:
                self.in_flight -= 1
                self._gate.leave(ticket, Feedback("answered"))

    async def until(self, is_so: Callable[[], bool]) -> None:
        patient_until = time.monotonic() + 20.0
        while not is_so():
            assert time.monotonic() < patient_until, (self.in_flight, self.state)
            await asyncio.sleep(ANSWER_S)


def run(runtime: RuntimeConfig, program: Callable[[Asking], object], credential: str | None = None) -> None:
    """Let a run ask while `program`, a coroutine function, looks at it."""

    async def whole() -> None:
        asking = Asking(runtime, credential)
        calls = [asyncio.create_task(asking.ask()) for _ in range(runtime.max_concurrent_tasks)]
        await asyncio.sleep(0)
        try:
            await program(asking)  # type: ignore[misc]
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            asking.admission.close()

    asyncio.run(whole())


def everything_in(folder: Path) -> str:
    return "".join(path.name + path.read_text(encoding="utf-8", errors="replace") for path in folder.iterdir())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "themis-limits"]


# --- whether it is full


def test_a_provider_for_which_calls_wait_is_reported_as_full() -> None:
    async def look(asking: Asking) -> None:
        await asking.until(lambda: full_providers() == {NAME})
        allow(None)
        await asking.until(lambda: asking.highest == 40)
        await asking.until(lambda: full_providers() == frozenset())

    allow(8)
    run(FREELY, look)


@pytest.mark.parametrize("tasks", [7, 8])
def test_a_provider_that_has_room_for_all_calls_is_not(tasks: int) -> None:
    async def look(asking: Asking) -> None:
        await asking.until(lambda: asking.in_flight == tasks)
        for _ in range(50):
            assert not asking.state.is_full
            await asyncio.sleep(ANSWER_S)

    allow(8)
    run(FREELY.model_copy(update={"max_concurrent_tasks": tasks}), look)


@pytest.mark.parametrize("credential", [None, "a key"])
def test_it_has_room_as_soon_as_the_run_is_over(credential: str | None) -> None:
    async def look(asking: Asking) -> None:
        await asking.until(lambda: full_providers() == {NAME})
        await asking.until(
            lambda: [bool(one.process.account) for one in LimitFile(NAME).read().holders] == [bool(credential)]
        )

    allow(8)
    run(FREELY, look, credential)
    assert LimitFile(NAME).read().holders == ()
    assert full_providers() == frozenset()


def test_a_provider_that_is_closed_is_full() -> None:
    async def look(asking: Asking) -> None:
        ticket = asking._gate.ticket("x")
        await asking._gate.enter(ticket)
        asking._gate.leave(ticket, Feedback("throttled", retry_after_s=60.0))
        await asking.until(lambda: asking.state.is_full)
        await asking.until(lambda: full_providers() == {NAME})

    run(FREELY.model_copy(update={"max_concurrent_tasks": 2}), look)


# --- what is set


def test_a_limit_holds_from_the_first_call_and_follows_the_operator_up_and_down() -> None:
    allow(3)

    async def program(asking: Asking) -> None:
        assert asking.in_flight == 3
        assert asking.state.short_text == "3 at once (set by themis limits)"
        for calls in (20, 5, 1, 30):
            allow(calls)
            await asking.until(lambda calls=calls: asking.in_flight == calls)  # type: ignore[misc]
        allow(None)
        await asking.until(lambda: asking.in_flight == 40)
        assert asking.state.short_text == "any number at once (not limited)"

    run(FREELY, program)


def test_the_lower_of_the_configuration_and_the_operator_holds() -> None:
    async def program(asking: Asking) -> None:
        assert asking.in_flight == 4
        allow(2)
        await asking.until(lambda: asking.in_flight == 2)
        allow(100)
        await asking.until(lambda: asking.in_flight == 4)
        assert asking.state.why == "all that is allowed"

    run(FREELY.model_copy(update={"provider_concurrency": {KEY: 4}}), program)


def test_a_limit_that_adapts_stays_below_and_grows_again_when_it_may() -> None:
    allow(2)

    async def program(asking: Asking) -> None:
        assert (asking.in_flight, asking.state.most) == (2, 2)
        allow(30)
        await asking.until(lambda: asking.in_flight == 30)
        allow(None)
        await asking.until(lambda: asking.in_flight == 40)
        assert asking.state.most == 40

    run(FREELY.model_copy(update={"adaptive": AdaptiveConfig()}), program)


@pytest.mark.parametrize(
    ("configured", "operator", "allowed"), [(None, None, None), (None, 3, 3), (5, None, 5), (5, 3, 3), (3, 5, 3)]
)
def test_rules_join_what_is_configured_and_what_is_set(
    configured: int | None, operator: int | None, allowed: int | None
) -> None:
    limits = {} if configured is None else {"p": configured}
    for adaptive in (None, AdaptiveConfig(start=4)):
        runtime = FREELY.model_copy(update={"provider_concurrency": limits, "adaptive": adaptive})
        rules = strictest([rules_of(runtime, "p")], OperatorRules(operator))
        assert rules.concurrency == allowed
        assert rules.most == (allowed or (40 if adaptive else None))
        assert adaptive is None or (rules.adaptive is not None and rules.adaptive.start <= (allowed or 4))


# --- what is shown


def test_a_process_is_shown_while_it_asks_and_without_a_key(folder: Path) -> None:
    async def program(asking: Asking) -> None:
        await asking.until(lambda: bool(LimitFile(NAME).read().holders))
        (holder,) = LimitFile(NAME).read().holders
        assert holder.process == this_holder()
        assert holder.state.provider == NAME
        assert (holder.state.limit, holder.state.in_flight) == (16, 16)
        allow(9)  # which keeps the process
        assert len(LimitFile(NAME).read().holders) == 1
        assert not [word for word in ("hunter2", "sk-test", "ann:") if word in everything_in(folder)]

    run(FREELY.model_copy(update={"adaptive": AdaptiveConfig(max=16)}), program)
    patient_until = time.monotonic() + 20.0
    while threads() or LimitFile(NAME).read().holders:
        assert time.monotonic() < patient_until
        time.sleep(0.01)
    assert LimitFile(NAME).read().operator.concurrency == 9, "what was set stays"


def test_a_run_without_a_provider_has_no_thread_and_no_file(folder: Path) -> None:
    async def program() -> None:
        admission = Admission(RuntimeConfig())
        gate = admission.gate(Stage.GENERATE)
        assert gate.enter_at_once()
        gate.leave()
        assert threads() == []
        admission.close()

    asyncio.run(program())
    assert not folder.exists()


def test_what_a_throttled_provider_is_asked_is_said_with_the_reason() -> None:
    limits = ProviderLimits(KEY)
    limits.join(Share(rules_of(FREELY.model_copy(update={"adaptive": AdaptiveConfig()}), KEY), print, lambda: 0))
    share = limits._shares[0]
    assert limits.state(0.0).text == f"{NAME} 32 of 40 at once (slow start)"
    ticket = Ticket()
    assert limits.try_take(share, 1.0, ticket) == 0.0
    limits.give(share, 2.0, ticket, Feedback("throttled", retry_after_s=7.0, status=429))
    assert limits.state(2.0).text == f"{NAME} 0 of 40 at once (closed for 7 s: retry-after)"
    assert limits.state(12.0).text == f"{NAME} 22 of 40 at once (429 10 s ago; recovering)"


# --- what may go wrong


async def most_during_some_looks(asking: Asking) -> int:
    """The most calls at once while the limits are looked at a few times."""
    asking.highest = 0
    await asyncio.sleep(0.15)
    return asking.highest


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.not_smoke
def test_a_folder_that_cannot_be_written_is_one_warning_and_what_is_set_is_followed(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(3)

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr("themis.core.files.guarded.replace", no_room)

    async def program(asking: Asking) -> None:
        assert await most_during_some_looks(asking) == 3

    run(FREELY, program)
    assert warnings(caplog) == [
        f"this process is not in `themis limits list`: limits of providers: {folder}: No space left on device"
    ]


@pytest.mark.parametrize("content", [b"{nonsense", b"[" * 100_000, b'{"format": 9}', b"\xff" * 2_000_000])
def test_a_broken_file_is_two_warnings_and_is_left_as_it_is(
    content: bytes, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    LimitFile(NAME).path.write_bytes(content)

    async def program(asking: Asking) -> None:
        assert await most_during_some_looks(asking) == 40

    run(FREELY, program)
    assert LimitFile(NAME).path.read_bytes() == content
    found = warnings(caplog)
    assert [text.partition(":")[0] for text in found] == [
        "the limits that were set with `themis limits` are not followed",
        "this process is not in `themis limits list`",
    ]
    assert all(len(text) < 400 for text in found)


def test_a_limit_that_was_known_holds_when_its_file_breaks() -> None:
    allow(3)

    async def program(asking: Asking) -> None:
        LimitFile(NAME).path.write_bytes(b"{")
        assert await most_during_some_looks(asking) == 3

    run(FREELY, program)


def test_a_process_that_may_start_no_thread_runs_all_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(self: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    allow(3)
    monkeypatch.setattr(threading.Thread, "start", no_thread)

    async def program(asking: Asking) -> None:
        assert asking.in_flight == 3

    run(FREELY, program)
    assert "can't start new thread" in warnings(caplog)[0]


def test_no_home_folder_is_no_reason_to_fail(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder() -> Path:
        raise LimitFileError(path="~", detail="no home")

    monkeypatch.setattr("themis.core.shared_limits.limit_file.limits_folder", no_folder)

    async def program(asking: Asking) -> None:
        assert await most_during_some_looks(asking) == 40

    run(FREELY, program)
    assert len(warnings(caplog)) == 2


def test_a_forked_child_asks_nobody() -> None:
    exit_codes = []

    async def program(asking: Asking) -> None:
        child = os.fork()
        if child == 0:
            os._exit(1 if providers.asked() or threads() else 0)
        exit_codes.append(await asyncio.to_thread(os.waitpid, child, 0))
        assert [limits.name for limits in providers.asked()] == [NAME]

    run(FREELY, program)
    assert [status for _, status in exit_codes] == [0]
