"""Faults of what is to make a component, found before it is called."""

import inspect
from typing import Any, Self

import pytest

from themis.core.components.wrong_factories import argument_fault


class Plain:
    """Made without arguments."""


class Sized:
    """Made with an argument, by its constructor."""

    def __init__(self, size: int) -> None:
        self.size = size


class Made:
    """Made with an argument, by `__new__`."""

    def __new__(cls, size: int) -> Self:
        assert size
        return super().__new__(cls)


class _Asking(type):
    def __call__(cls, size: int) -> Any:
        assert size
        return super().__call__()


class Asked(metaclass=_Asking):
    """Made with an argument, by its class's class."""


@pytest.mark.parametrize("factory", [Sized, Made, Asked])
def test_a_missing_argument_is_named(factory: type) -> None:
    assert argument_fault(factory, {}, "one") == "needs 'size': write {use: one, with: {size: …}}"
    assert argument_fault(factory, {"size": 1}, "one") is None


def test_an_argument_of_a_class_that_takes_none_is_named() -> None:
    assert argument_fault(Plain, {"size": 1}, "one") == "has no argument 'size'; it takes no arguments"


def test_a_class_that_takes_no_arguments_and_gets_none_is_not_inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    def signature(_: object) -> None:
        pytest.fail("this copies the table of modules: each is written to, in the process of every job")

    monkeypatch.setattr(inspect, "signature", signature)
    assert argument_fault(Plain, {}, "one") is None
