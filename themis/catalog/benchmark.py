"""A named benchmark: where its cases are, what a model is asked about them, and how its answers are scored."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from themis.catalog.facts import FACTS, PublishedFigure, Sample, Source
from themis.core.base import FrozenModel, JSONValue
from themis.core.dataset_config import FieldPath, checked_fields
from themis.core.prompt_config import PromptConfig
from themis.core.values.dataset_selection import ChoicesConfig, DatasetSelection

Need = Literal["judge", "sandbox", "log_likelihood"]
"""What a recipe asks for beside a model: somebody who judges, a place to run code, log-likelihoods, a metric."""


class VariantGroup(FrozenModel):
    """Variants of a benchmark that differ from it in the same way.

    Attributes:
        names: of the variants; `benchmark:name` is what users write.
        about: a sentence about them.
        changes: keys of the benchmark with other values; `{variant}` in a text becomes the name, without the suffix.
        suffix: end of each name, where the names are others' with an addition.
        same_as: the benchmark that it is another name of.
    """

    names: Annotated[list[str], Field(min_length=1)]
    about: str
    changes: dict[str, JSONValue] = Field(default_factory=dict)
    suffix: str = ""
    same_as: str | None = None


class Benchmark(FrozenModel):
    """A benchmark of the catalog, or one of its variants.

    Attributes:
        benchmark_id: its name, with the variant after a colon.
        title: the name that its authors gave it.
        about: a sentence about its questions.
        source: where its cases are.
        fields, choices, filter, shuffle_choices: how a record becomes a case, as in a dataset of an experiment.
        prompt: what a model is asked about a case; None when the case's input is sent as it is.
        task: `generate`, or `continuations` for the log-likelihoods of the choices.
        continuation: template of a continuation; None for a blank and the choice.
        samples: candidates of a case.
        selector: chooses among them; None for a vote.
        parser: finds the answer in a text, as in an experiment: an id, or `{use, with}`; None when there is no text.
        metrics: score it.
        rubric: what a judge grades by; None where the default of its metric, or that of each case, says it.
        needs: what the recipe asks for beside a model.
        licence: of the cases, as their card names it.
        gated: whether the hub asks for a consent first.
        canary: the text that keeps it out of training data; False when it has none.
        paper: address of the paper.
        published: figures that were published.
        notes: what somebody who compares figures must know.
        references: where the facts were looked up.
        columns_unverified: whether nobody has compared the names of its columns with the source.
        variant_needed: whether it is only named with a variant.
        variants: groups of variants.
        sample: rows of our own making.
    """

    benchmark_id: str
    title: str
    about: str
    source: Source
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)]
    choices: ChoicesConfig = ChoicesConfig()
    filter: dict[str, JSONValue] = Field(default_factory=dict)
    shuffle_choices: int | None = None
    prompt: PromptConfig | None = None
    task: Literal["generate", "continuations"] = "generate"
    continuation: str | None = None
    samples: int = Field(default=1, ge=1)
    selector: str | None = None
    parser: str | dict[str, JSONValue] | None = None
    metrics: Annotated[list[str], Field(min_length=1)]
    rubric: str | None = None
    needs: list[Need] = Field(default_factory=list)
    licence: str | None = None
    gated: bool | None = None
    canary: str | Literal[False] | None = None
    paper: str | None = None
    published: list[PublishedFigure] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    references: list[str] = Field(default_factory=list)
    columns_unverified: bool = False
    variant_needed: bool = False
    variants: list[VariantGroup] = Field(default_factory=list)
    sample: Sample

    @property
    def unverified(self) -> list[str]:
        """The facts that nobody has looked up, by name."""
        facts = {**{name: getattr(self, name) for name in FACTS}, "revision": self.source.revision}
        missing = [name for name, value in facts.items() if value is None or value == []]
        return sorted([*missing, *(["columns"] if self.columns_unverified else [])])

    @property
    def variant_names(self) -> list[str]:
        """The names of its variants, in the order of the file."""
        return [name for group in self.variants for name in group.names]

    @property
    def selection(self) -> DatasetSelection:
        """The cases that are taken, and how their choices are read."""
        return DatasetSelection(choices=self.choices, filter=self.filter, shuffle_choices=self.shuffle_choices)
