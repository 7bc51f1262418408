"""One call of a model with its tries, for those who watch the calls of a run."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.step import Step
from themis.core.engine.observers import Observers
from themis.core.judging.generator_as_judge import heard_answer
from themis.core.models import GenerationResult
from themis.core.observations import ModelCall, ModelTry
from themis.core.outcomes.stages import Stage


class CallWatch:
    """Notes the tries of one call, and notifies the observers of it when it has ended.

    Attributes:
        step: the step whose method is to be called, in place of the one that was given.
    """

    def __init__(self, observers: Observers, step: Step, work: CaseWork, asked: Any, **facts: Any) -> None:
        """Watch a call of `step` about `asked` for a case; `facts` are other fields of a `ModelCall`."""
        self._observers = observers
        self._call = ModelCall(
            of=observers.place_of(work), model=step.component, asked=asked, is_judge=step.stage is Stage.JUDGE, **facts
        )
        self._method = step.method
        self.step = replace(step, method=self._tried)

    async def through(self, asked: Awaitable[Any]) -> Any:
        """Return the result of `asked`, which makes the tries; raises what it raises."""
        call = self._call
        try:
            call.result = await asked
        except BaseException as error:
            call.error = error
            raise
        finally:
            if call.tries:
                self._tell()
        return call.result

    def delivered(self, answer: Callable[[], Any]) -> Any:
        """Return what `answer` returns, the result of a call that a batch made; raises what it raises."""
        call = self._call
        call.is_batched = True
        try:
            call.result = answer()
        except BaseException as error:
            call.error = error
            raise
        finally:
            self._tell()
        return call.result

    def _tell(self) -> None:
        call = self._call
        if isinstance(call.result, GenerationResult):
            call.generation = call.result
        self._observers.called(call)

    async def _tried(self, *arguments: Any, **named: Any) -> Any:
        attempt = ModelTry(began_at=time.time())
        self._call.tries.append(attempt)
        try:
            with heard_answer() as heard:
                return await self._method(*arguments, **named)
        except BaseException as error:
            attempt.error = error
            raise
        finally:
            attempt.ended_at = time.time()
            self._call.generation = heard[-1] if heard else None


def of_candidate(step: Step, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of a `ModelCall` that only a generator's has; a derived seed is not among them."""
    context = arguments[-1]
    return {"candidate_index": step.item, "seed": context.seed if context.seed_is_given else None}
