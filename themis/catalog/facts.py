"""Facts about a benchmark: where its cases are, who published it, and what was published about models."""

from typing import Annotated

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue

FACTS = ("licence", "gated", "canary", "paper", "published")
"""Facts of which each is unverified as long as it is null or empty."""


class Source(FrozenModel):
    """Place of a benchmark's cases.

    Attributes:
        hub: name on the Hugging Face hub.
        config: the hub's name of a part of it; None for the usual one.
        split: the split with the cases.
        files: names of the files with the cases, where they are not a split of the hub.
        url: address of the file, where it is not on the hub.
        revision: commit; None while nobody has looked it up.
    """

    hub: str | None = None
    config: str | None = None
    split: str | None = None
    files: list[str] = Field(default_factory=list)
    url: str | None = None
    revision: str | None = None

    @property
    def title(self) -> str:
        """The place in one line."""
        name = ":".join(part for part in (self.hub, self.config, self.split) if part) or self.url or ""
        return f"{name} ({', '.join(self.files)})" if self.files else name


class PublishedFigure(FrozenModel):
    """A figure that somebody published.

    Attributes:
        model: what was asked.
        metric: id of the metric that it is a mean of.
        value: the mean, from 0 to 1.
        tolerance: difference that rounding and a reading of answers a little different may make.
        setting: conditions, where they differ from the recipe's.
        reference: where it was published.
    """

    model: str
    metric: str
    value: Annotated[float, Field(ge=0, le=1)]
    tolerance: Annotated[float, Field(gt=0, le=1)]
    setting: str | None = None
    reference: str


class SampleAnswer(FrozenModel):
    """An answer to a sample's row, and what its parser and metrics must make of it.

    Attributes:
        row: number of the row, from 0.
        text: what a model might answer.
        value: what is parsed; None when the text holds no answer.
        score: the score by each metric; None where a metric cannot be tried without a judge or a sandbox.
    """

    row: int = Field(ge=0)
    text: JSONValue
    value: JSONValue = None
    score: float | None = None


class Sample(FrozenModel):
    """Rows of our own making in the shape of a benchmark's source.

    Attributes:
        rows: records as the source has them.
        answers: answers to them.
        examples: records as the split of the prompt's examples has them.
    """

    rows: Annotated[list[dict[str, JSONValue]], Field(min_length=1)]
    answers: list[SampleAnswer] = Field(default_factory=list)
    examples: list[dict[str, JSONValue]] = Field(default_factory=list)
