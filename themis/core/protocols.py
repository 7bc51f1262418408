"""What users write to extend Themis: the shapes of components, subscribers and tracers.

Every component also has `component_id: str`, `version: str` and `fingerprint() -> str`; the fingerprint changes when
its behaviour does.
"""

from typing import Any, Protocol, runtime_checkable

from themis.core.contexts import GenerateContext, ParseContext, ReduceContext, ScoreContext, SelectContext
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError


@runtime_checkable
class Component(Protocol):
    """Anything that a run is made of."""

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
    """Makes one candidate for a case. Optional attributes: `provider_key`, `model_id`, `endpoint`."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """One candidate for `case`."""


@runtime_checkable
class CandidateSelector(Component, Protocol):
    """Keeps some of the candidates, before reduction."""

    async def select(self, candidates: list[GenerationResult], ctx: SelectContext) -> list[GenerationResult]:
        """The candidates to keep, one at least."""


@runtime_checkable
class CandidateReducer(Component, Protocol):
    """Makes one candidate of several."""

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> ReducedCandidate:
        """The candidate to parse."""


@runtime_checkable
class Parser(Component, Protocol):
    """Reads the answer from a candidate."""

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:
        """The answer; an exception means that the candidate cannot be parsed."""


@runtime_checkable
class PureMetric(Component, Protocol):
    """Scores a parsed answer without asking anybody.

    Optional attribute: `scores_no_answer`; only where it is true is the metric asked about a value of None, too.
    """

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:
        """The score, or the reason why there is none."""


class LifecycleSubscriber(Protocol):
    """Told what a run does; every method is optional.

    There are `before_generate(case, ctx)`, `after_generate(result, ctx)`, `before_reduce(candidates, ctx)`,
    `after_reduce(reduced, ctx)`, `before_parse(candidate, ctx)`, `after_parse(parsed, ctx)`,
    `before_score(parsed, ctx)`, `after_score(score, ctx)` and `on_event(event)`. What a subscriber raises is logged and
    never hurts the run.
    """


class TracingProvider(Protocol):
    """Receives a span for the run and for each stage of each case."""

    def start_span(self, name: str, attributes: dict[str, Any]) -> Any:
        """A new span; whatever it returns is handed to `end_span`."""

    def end_span(self, span: Any, status: str) -> None:
        """End `span` with status `ok` or `error`."""
