"""Script of the server: which behaviour each request gets."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from tests.support.model_server.log import Request
from tests.support.model_server.replies import Answer, Behaviour, Reply

Step: TypeAlias = "Behaviour | Reply | str | Callable[[Request], Step] | None"
"""What one request gets: a behaviour, a reply, the text of an answer, or what a function says of the request; None for
what is usual."""

Answers: TypeAlias = Mapping[str, str | Answer] | Callable[[Request], str | Answer]


class Script:
    """Decides what each request gets.

    A list is for the questions, a step each, and then comes what is usual. A function is asked about each request, for
    a model or a resource.
    """

    def __init__(
        self,
        steps: Iterable[Step] | Callable[[Request], Step] = (),
        *,
        default: Step = None,
        answers: Answers | None = None,
    ) -> None:
        """Usual is `default`, and without it an answer by `answers`, and without that an echo of the question."""
        self._function = steps if callable(steps) else None
        self._steps: deque[Step] = deque(() if callable(steps) else steps)
        self._default = default
        self._answers = answers

    def play(self, *steps: Step) -> None:
        """Add steps for the next questions."""
        self._steps.extend(steps)

    @property
    def left(self) -> int:
        """The number of steps that no question has had yet."""
        return len(self._steps)

    def behaviour(self, request: Request) -> Behaviour:
        """What this request gets."""
        step: Step = None
        if request.is_question and self._steps:
            step = self._steps.popleft()
        elif self._function is not None:
            step = self._function(request)
        found = _resolved(step, request)
        return _resolved(self._default, request) or Behaviour() if found is None else found

    def usual_answer(self, request: Request) -> Answer:
        """The answer where no step says another."""
        found: str | Answer = request.question
        if callable(self._answers):
            found = self._answers(request)
        elif self._answers is not None:
            found = self._answers.get(request.question, found)
        return Answer(found) if isinstance(found, str) else found


def _resolved(step: Step, request: Request) -> Behaviour | None:
    while callable(step):
        step = step(request)
    if isinstance(step, str):
        step = Answer(step)
    return step if step is None or isinstance(step, Behaviour) else Behaviour(reply=step)
