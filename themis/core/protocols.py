"""Protocols for extending Themis: components, subscribers and tracers.

Every component also has `component_id: str`, `version: str` and `fingerprint() -> str`; the fingerprint changes when
its behaviour does.
"""

from typing import Any, Protocol, runtime_checkable

from themis.core.contexts import GenerateContext, ParseContext, ReduceContext, ScoreContext, SelectContext
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError


@runtime_checkable
class Component(Protocol):
    """Part of a run that users can supply."""

    @property
    def component_id(self) -> str:
        """Stable name, `package/name` by convention."""

    @property
    def version(self) -> str:
        """Version of the behaviour, for people."""

    def fingerprint(self) -> str:
        """Text that changes whenever the behaviour does."""


@runtime_checkable
class Generator(Component, Protocol):
    """Makes one candidate for a case. Optional attributes: `provider_key`, `model_id`, `endpoint`.

    Optional, too, is `most_tokens(case, ctx)`: the most tokens of input and of output that a call can use, or None
    where nothing bounds them. A run with a budget needs it.
    """

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Generate one candidate for `case`."""


@runtime_checkable
class CandidateSelector(Component, Protocol):
    """Keeps some of the candidates, before reduction."""

    async def select(self, candidates: list[GenerationResult], ctx: SelectContext) -> list[GenerationResult]:
        """Return the candidates to keep, at least one."""


@runtime_checkable
class CandidateReducer(Component, Protocol):
    """Combines several candidates into one."""

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> ReducedCandidate:
        """Return the candidate to parse."""


@runtime_checkable
class Parser(Component, Protocol):
    """Reads the answer from a candidate."""

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:
        """Return the answer; an exception means that the candidate cannot be parsed."""


@runtime_checkable
class PureMetric(Component, Protocol):
    """Scores a parsed answer without calling a model.

    Optional attribute: `scores_no_answer`; only when it is true is the metric also called for a value of None.
    """

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:
        """Return the score, or the reason why there is none."""


class LifecycleSubscriber(Protocol):
    """Receives the events of a run; every method is optional.

    There are `before_generate(case, ctx)`, `after_generate(result, ctx)`, `before_reduce(candidates, ctx)`,
    `after_reduce(reduced, ctx)`, `before_parse(candidate, ctx)`, `after_parse(parsed, ctx)`,
    `before_score(parsed, ctx)`, `after_score(score, ctx)` and `on_event(event)`. An exception that a subscriber raises
    is logged and never affects the run.
    """


class TracingProvider(Protocol):
    """Receives a span for the run and for each stage of each case."""

    def start_span(self, name: str, attributes: dict[str, Any]) -> Any:
        """Start a span; the returned value is passed to `end_span`."""

    def end_span(self, span: Any, status: str) -> None:
        """End `span` with status `ok` or `error`."""
