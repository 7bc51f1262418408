"""One batch of questions: lines that are answered some time later, in no particular order."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.model_server.dialects import DIALECTS, Asked
from tests.support.model_server.dialects.shared import anthropic_error, openai_error, question_of
from tests.support.model_server.log import Request
from tests.support.model_server.replies import Answer, Failure, HangUp
from tests.support.model_server.script import Script

Outcome = Literal["succeeded", "errored", "expired", "canceled"]


@dataclass(frozen=True, slots=True)
class Line:
    """One question of a batch."""

    custom_id: str
    path: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LineResult:
    """How a line ended; `body` is an answer or an error in the dialect, empty where nobody was asked."""

    custom_id: str
    outcome: Outcome
    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """A batch that takes a while; whoever looks at it after that finds it answered."""

    batch_id: str
    lines: list[Line]
    script: Script
    takes_s: float
    more: Mapping[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    created_at: int = field(default_factory=lambda: int(time.time()))
    is_cancelled: bool = False
    results: list[LineResult] | None = None
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_s = self.clock()

    def look(self) -> None:
        """Answer the lines if it is time."""
        if self.results is None and self.clock() >= self._began_s + self.takes_s:
            self._end(len(self.lines))

    def cancel(self) -> None:
        """End it with the share of lines for which there was time."""
        if self.results is None:
            self.is_cancelled = True
            self._end(self.so_far)

    @property
    def so_far(self) -> int:
        """How many lines it would have answered by now."""
        share = (self.clock() - self._began_s) / self.takes_s if self.takes_s else 1.0
        return min(len(self.lines), int(len(self.lines) * share))

    def count(self, *outcomes: Outcome) -> int:
        """How many lines ended in one of these ways."""
        return sum(result.outcome in outcomes for result in self.results or ())

    def _end(self, answered: int) -> None:
        found = [self._answered(number, line) for number, line in enumerate(self.lines[:answered])]
        found += [LineResult(line.custom_id, "canceled") for line in self.lines[answered:]]
        self.results = found[::-1]  # providers promise no order

    def _answered(self, number: int, line: Line) -> LineResult:
        dialect, data = DIALECTS[line.path], dict(line.data)
        now_s, now_at = time.monotonic(), time.time()
        request = Request(number, dialect.kind, "POST", line.path, {}, 0, now_s, now_at, data=data)
        request.question = question_of(dialect.turns(data))
        request.batch_id, request.custom_id = self.batch_id, line.custom_id
        reply = self.script.behaviour(request).reply or self.script.usual_answer(request)
        if isinstance(reply, Answer):
            body = dialect.body(reply, Asked(number, data, int(now_at)))
            return LineResult(line.custom_id, "succeeded", 200, body)
        if isinstance(reply, HangUp):
            return LineResult(line.custom_id, "expired")
        failure = reply if isinstance(reply, Failure) else Failure(reply.status, reply.body.decode(errors="replace"))
        error = openai_error(failure) if dialect.family == "openai" else anthropic_error(failure)
        return LineResult(line.custom_id, "errored", failure.status, error)
