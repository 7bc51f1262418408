"""Methods of the wrong kind, found before anything is asked: awaited where they return, or the other way round."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from tests.support.lab import Scripted, ScriptedGenerator, ScriptedMetric, experiment
from themis.core.errors import ComponentError
from themis.core.models import GenerationResult

ANSWER = GenerationResult(candidate_id="c", final_output="x")


class Made(Scripted):
    """A component whose method is of a test's choice."""

    def __init__(self, **methods: Any) -> None:
        super().__init__(str, component_id="lab/made")
        for name, method in methods.items():
            setattr(self, name, method)


async def asks(*said: Any) -> GenerationResult:
    return ANSWER


def returns(*said: Any) -> Any:
    return ANSWER


def says_that_it_is_awaited(*said: Any) -> Awaitable[GenerationResult]:
    return asks(*said)


@functools.wraps(asks)
def wraps_what_is_awaited(*said: Any) -> Any:
    return asks(*said)


async def yields_later(*said: Any) -> Any:
    yield ANSWER


def yields(*said: Any) -> Any:
    yield ANSWER


class Callee:
    """Called like a function, awaited like a coroutine."""

    async def __call__(self, *said: Any) -> GenerationResult:
        return ANSWER


@pytest.mark.parametrize(
    "method",
    [asks, says_that_it_is_awaited, wraps_what_is_awaited, functools.partial(asks, 1), Callee(), AsyncMock()],
    ids=["async", "annotated", "wrapped", "partial", "callable", "mock"],
)
def test_what_can_be_awaited_passes(method: Callable[..., Any]) -> None:
    experiment(Made(generate=method)).compile()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"generator": Made(generate=returns)}, "generation.generator: 'lab/made': generate must be asynchronous"),
        ({"generator": Made(generate=functools.partial(returns, 1))}, "generate must be asynchronous: write async def"),
        ({"generator": Made(generate=yields_later)}, "generate yields, and must return its result"),
        ({"selector": Made(select=returns)}, "generation.selector: 'lab/made': select must be asynchronous"),
        ({"reducer": Made(reduce=returns)}, "generation.reducer: 'lab/made': reduce must be asynchronous"),
        ({"parser": Made(parse=asks)}, "evaluation.parsers.0: 'lab/made': parse must not be asynchronous: write def"),
        ({"metrics": [Made(score=asks)]}, "evaluation.metrics.0: 'lab/made': score must not be asynchronous"),
        ({"metrics": [Made(score=AsyncMock())]}, "score must not be asynchronous"),
        ({"metrics": [Made(score=yields)]}, "score yields, and must return its result"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(made: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError) as raised:
        experiment(**made).compile()
    assert message in str(raised.value)


def test_nothing_is_asked_when_a_method_is_of_the_wrong_kind() -> None:
    generator, metric = ScriptedGenerator(), Made(score=asks)
    with pytest.raises(ComponentError):
        experiment(generator, metrics=[ScriptedMetric(), metric]).run()
    assert generator.calls == []


def test_what_is_no_function_of_pythons_is_believed_to_be_right() -> None:
    experiment(metrics=[Made(score=Mock())]).compile()
