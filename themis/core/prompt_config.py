"""Prompts as a user describes them, and as a run keeps them."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from themis.core.base import FrozenModel, JSONValue
from themis.core.dataset_config import FieldPath, checked_fields, local_path
from themis.core.values.bounded_numbers import PositiveCount, Seed

ShotsAs = Literal["turns", "text"]
"""How examples are shown: as turns of user and assistant, or as one text before the question."""

MOST_SHOTS = 1_000


class FewShotConfig(FrozenModel):
    """Examples with answers, before the question.

    Attributes:
        path: the file of cases that they are taken from, in any format of a dataset; relative to the config file.
        fields: where the values of a case are in a record of that file.
        k: number of examples.
        seed: they are drawn at random by it; without it they are the first of the file.
        as_: how they are shown.
        answer: template of an example's answer.
        separator: text between two examples, and between the last and the question, when they are shown as one text.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    path: Annotated[str, AfterValidator(local_path)] = Field(min_length=1)
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)] | None = None
    k: Annotated[PositiveCount, Field(le=MOST_SHOTS)]
    seed: Seed | None = None
    as_: ShotsAs = Field(default="turns", alias="as")
    answer: str = "{{ expected_output }}"
    separator: str = "\n\n"


class PromptConfig(FrozenModel):
    """The prompt of a model, as templates over a case.

    Attributes:
        system: template of the system message; none without it.
        template: template of the question.
        few_shot: examples before the question.
    """

    system: str | None = None
    template: str = "{{ input }}"
    few_shot: FewShotConfig | None = None


class Shot(FrozenModel):
    """An example: the input and expected output of a case."""

    input: JSONValue
    expected_output: JSONValue


class RunPrompt(FrozenModel):
    """The prompt of a run, with all that decides what a model is sent, so that no other file is needed.

    Attributes:
        system, template: as in `PromptConfig`.
        shots: the examples, in order, and one to spare: a case that is one of them itself gets the others.
        k: number of examples that are shown.
        shots_as: how they are shown.
        answer, separator: as in `FewShotConfig`.
    """

    system: str | None
    template: str
    shots: list[Shot] = Field(default_factory=list)
    k: int = 0
    shots_as: ShotsAs = "turns"
    answer: str = ""
    separator: str = ""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.k > len(self.shots):
            msg = f"k is {self.k}, and there are {len(self.shots)} examples"
            raise ValueError(msg)
        return self
