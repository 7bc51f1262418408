"""An error is blamed on the innermost line of the user's own code, with its function."""

import json
from collections.abc import Callable

import pytest

from themis.core.components.references import described
from themis.core.python.blamed_place import blamed_place


class Model:
    """Somebody's component."""

    def ask(self) -> object:
        return json.loads("{")

    def nested(self) -> object:
        def inner() -> object:
            return dict[str, int]()["x"]

        return inner()


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whichever
        call()
    return caught.value


def text_of(error: BaseException) -> str:
    place = blamed_place(error)
    assert place is not None
    return place.text.replace(str(place.line), "N")


def test_the_place_has_the_class_and_the_method_that_called_a_library() -> None:
    assert text_of(raised(Model().ask)) == "test_blamed_place.py:N in Model.ask"


def test_a_function_within_another_has_its_own_name() -> None:
    assert text_of(raised(Model().nested)) == "test_blamed_place.py:N in inner"


def test_a_module_that_fails_when_it_is_imported_has_no_function() -> None:
    code = compile("1 / 0", "/lab/broken.py", "exec")
    assert text_of(raised(lambda: exec(code))) == "broken.py:N"  # noqa: S102


def test_an_error_that_nobody_raised_has_no_place() -> None:
    assert blamed_place(KeyError("x")) is None
    assert described(KeyError("x")) == "KeyError: 'x'"


def test_only_a_bug_is_described_with_its_place() -> None:
    assert described(raised(Model().nested)).endswith("KeyError: 'x' (test_blamed_place.py:20 in inner)")
    assert "(test" not in described(raised(lambda: int("x")))
