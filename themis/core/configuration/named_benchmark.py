"""Dataset of a configuration that names a benchmark."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from themis.core.base import FrozenModel, Labels, Name
from themis.core.dataset_config import FieldPath, checked_fields, local_path
from themis.core.prompt_config import MOST_SHOTS, ShotsAs
from themis.core.values.bounded_numbers import PositiveCount, Seed
from themis.core.values.dataset_selection import DatasetSelection


class ShownExamples(FrozenModel):
    """Changes of the examples in a benchmark's prompt, each with the meaning that it has in a prompt.

    Attributes:
        k: number of examples.
        seed: draws them.
        as_: how they are shown. As turns, a text before all examples becomes the system message.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    k: Annotated[PositiveCount, Field(le=MOST_SHOTS)] | None = None
    seed: Seed | None = None
    as_: ShotsAs | None = Field(default=None, alias="as")


class NamedBenchmark(DatasetSelection):
    """A dataset that is a benchmark of the catalog. What it does not say is taken from the benchmark.

    Attributes:
        benchmark: its name, with a variant after a colon.
        path: a file with its cases as its source has them, in place of the source; relative to the config file.
        examples: a file with the examples in the benchmark's prompt, in place of the split of its source; relative to
            the config file.
        few_shot: what is changed about those examples.
        dataset_id: the benchmark's name, unless given.
        fields: where the values of a case are in a record.
        revision: commit of the source, or the name of the state of the file.
        metadata: labels beside the benchmark's own.
    """

    benchmark: Name
    path: Annotated[str, AfterValidator(local_path)] | None = Field(default=None, min_length=1)
    examples: Annotated[str, AfterValidator(local_path)] | None = Field(default=None, min_length=1)
    few_shot: ShownExamples | None = None
    dataset_id: Name | None = None
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)] | None = None
    revision: str | None = None
    metadata: Labels = Field(default_factory=dict)
