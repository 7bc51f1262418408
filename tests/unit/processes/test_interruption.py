"""What is interrupted, and what must come to its end first."""

import sys
import types

import pytest

from themis.core import stores
from themis.core.processes.interruption import Interruptible, Interruption
from themis.core.stores import InMemoryRunStore, SqliteRunStore
from themis.core.stores.sqlite.database import Database


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
