"""What is interrupted, and what must come to its end first."""

import sys
import threading
import time
import types

import pytest

from tests.support.waiting import until
from themis.core import stores
from themis.core.processes.interruption import Interruptible, Interruption
from themis.core.stores import InMemoryRunStore, SqliteRunStore
from themis.core.stores.sqlite.database import Database

PATIENCE_S = 20.0


def _called_from(module: str) -> types.FrameType:
    """A frame of this function, called by code of a module of that name."""
    found: list[types.FrameType] = []
    names = {"__name__": module, "call": lambda: found.append(sys._getframe(0))}
    exec("call()", names)  # noqa: S102  # a caller by that name
    return found[0]


@pytest.mark.parametrize(
    ("module", "is_spared"),
    [
        (stores.__name__, True),
        (f"{stores.__name__}.anything", True),
        (f"{stores.__name__}.anything.deeper", True),
        (f"{stores.__name__}_of_mine", False),
        ("acme.metrics", False),
        (stores.__name__.rpartition(".")[0], False),
    ],
)
def test_the_code_of_a_spared_package_is_not_interrupted_nor_is_what_it_calls(module: str, is_spared: bool) -> None:
    thread = Interruptible(lambda: True, spared=stores)
    if is_spared:
        thread.on_signal(0, _called_from(module))
    else:
        with pytest.raises(Interruption):
            thread.on_signal(0, _called_from(module))


def test_what_may_not_be_interrupted_now_is_not() -> None:
    Interruptible(lambda: False, spared=stores).on_signal(0, _called_from("acme"))


@pytest.mark.parametrize("kind", [SqliteRunStore, InMemoryRunStore, Database])
def test_the_stores_that_are_shipped_are_spared_wherever_they_stand(kind: type) -> None:
    assert f"{kind.__module__}.".startswith(f"{stores.__name__}.")


def test_a_thread_is_not_interrupted_while_it_starts_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # Up to Python 3.11 the other one would get the interruption, and this one wait for it for ever.
    begins, may_begin = threading.Event(), threading.Event()
    begin = threading.Thread._bootstrap  # type: ignore[attr-defined]

    def begin_late(thread: threading.Thread) -> None:
        if thread.name == "late":
            begins.set()
            may_begin.wait()
        begin(thread)

    found: list[str] = []
    known: list[Interruptible] = []

    def start_another() -> None:
        known.append(Interruptible(lambda: True, spared=stores))
        try:
            threading.Thread(target=found.append, args=("started",), name="late").start()
            found.append("left alone")
            while True:
                time.sleep(0.001)
        except Interruption:
            found.append("interrupted")

    monkeypatch.setattr(threading.Thread, "_bootstrap", begin_late)
    thread = threading.Thread(target=start_another, daemon=True)
    thread.start()
    assert begins.wait(PATIENCE_S)
    known[0].ring()
    may_begin.set()
    until(lambda: len(found) == 2, "the other thread to start")
    assert sorted(found) == ["left alone", "started"]
    known[0].ring()
    thread.join(PATIENCE_S)
    assert found[2:] == ["interrupted"]
