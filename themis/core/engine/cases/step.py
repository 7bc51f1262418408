"""A stage of a run, the same for every case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from themis.core.engine.case_work import CaseWork
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage


class Several(Protocol):
    """Calls of a component about one subject, whose results make up one."""

    def arguments(self, case: Any) -> Sequence[tuple[Any, ...]]:
        """Return the arguments of each call, but for the context that ends them."""

    def joined(self, case: Any, asked: Sequence[Any], results: Sequence[Any]) -> Any:
        """Return the result that the results of the calls make up."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of this run, the same for every case.

    Attributes:
        item: the number of its candidate or metric.
        method: the method of `component`; asynchronous before the parse stage.
        expected: the type, or types, that it must return.
        encode: makes the outcome from the case's number, the item, the result and the history of tries (JSON or None).
        provider: the provider that it calls, for that provider's limits.
        prepare: makes of the subject what the component gets; None to give it as it is.
        several: for a subject about which the component is called several times; None for one call.
        is_gated: whether its calls enter a gate; those of a component that asks judges do not, as those do.
        key: the key of its outcomes.
    """

    stage: Stage
    item: int
    component: Any
    method: Callable[..., Any]
    expected: type | tuple[type, ...]
    encode: Callable[[int, int, Any, str | None], Outcome]
    provider: str | None = None
    metric_id: str | None = None
    prepare: Callable[[Any], Any] | None = None
    several: "Several | None" = None
    is_gated: bool = True
    key: tuple[Stage, int] = field(init=False)

    def __post_init__(self) -> None:
        """Compute `key` once for all cases."""
        object.__setattr__(self, "key", (self.stage, self.item))


RunningCall = tuple[Step, CaseWork]
"""A call of a component that is running; each try is a tuple of its own."""
