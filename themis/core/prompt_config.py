"""Prompts as a user describes them, and as a run keeps them."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from themis.core.base import FrozenModel, JSONValue
from themis.core.dataset_config import FieldPath, checked_fields, local_path
from themis.core.values.bounded_numbers import PositiveCount, Seed
from themis.core.values.dataset_selection import ChoicesConfig

ShotsAs = Literal["turns", "text"]
"""How examples are shown: as turns of user and assistant, or as one text before the question."""

MOST_SHOTS = 1_000
MOST_PARTS = 100
INPUT_ALONE = "{{ input }}"


def is_none(value: Any) -> bool:
    """Whether a field is at its default, None; then it is left out of what decides a run."""
    return value is None


def is_empty(value: Any) -> bool:
    """Whether a field is at its default, empty; then it is left out of what decides a run."""
    return not value


class FewShotConfig(FrozenModel):
    """Examples with answers, before the question.

    Attributes:
        path: the file of cases that they are taken from, in any format of a dataset; relative to the config file.
        split: the split that they are taken from, of the data set of the first dataset that is on the hub; excludes
            `path`.
        fields: where the values of a case are in a record of that file.
        choices: how the choices in a record are read; those of a split as the dataset's, unless given.
        k: number of examples.
        seed: they are drawn at random by it; without it they are the first of the file.
        same: label of which an example must have the value that the question has, such as the subject of both.
        as_: how they are shown.
        answer: template of an example's answer.
        separator: text between two examples, and between the last and the question, when they are shown as one text.
        introduction: template of a text before the first of them, which knows the question; for `as: text` alone.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    path: Annotated[str, AfterValidator(local_path)] | None = Field(default=None, min_length=1)
    split: str | None = Field(default=None, min_length=1)
    fields: Annotated[dict[str, FieldPath], AfterValidator(checked_fields)] | None = None
    choices: ChoicesConfig | None = Field(default=None, exclude_if=is_none)
    k: Annotated[PositiveCount, Field(le=MOST_SHOTS)]
    seed: Seed | None = None
    same: str | None = Field(default=None, min_length=1, exclude_if=is_none)
    as_: ShotsAs = Field(default="turns", alias="as")
    answer: str = "{{ expected_output }}"
    separator: str = "\n\n"
    introduction: str | None = Field(default=None, exclude_if=is_none)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.introduction is not None and self.as_ != "text":
            msg = "`introduction` is for `as: text`; of turns, `system` is the introduction"
            raise ValueError(msg)
        if (self.path is None) == (self.split is None):
            msg = "needs a `path`, or a `split` of the dataset's own data set on the hub, and not both"
            raise ValueError(msg)
        return self


class PartConfig(FrozenModel):
    """A part of a message: one of these.

    Attributes:
        text: template of a text.
        image: template of the path of an image, relative to the config file; or of its hash, as a dataset of the hub
            has it.
        file: the same of a file of any kind: a document, a sound, an image.
    """

    text: str | None = Field(default=None, exclude_if=is_none)
    image: str | None = Field(default=None, exclude_if=is_none)
    file: str | None = Field(default=None, exclude_if=is_none)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.text, self.image, self.file)) != 1:
            msg = "a part is one of `text`, `image` and `file`"
            raise ValueError(msg)
        return self


Parts = Annotated[list[PartConfig], Field(min_length=1, max_length=MOST_PARTS)]


class TurnConfig(FrozenModel):
    """A message of a conversation: its role, and the template of its content."""

    role: Literal["system", "user", "assistant"]
    content: str | Parts


def _template_kind(value: Any) -> str:
    if not isinstance(value, list):
        return "text"
    is_turn = any(isinstance(part, TurnConfig) or (isinstance(part, dict) and "role" in part) for part in value)
    return "turns" if is_turn else "parts"


Template = Annotated[
    Annotated[str, Tag("text")]
    | Annotated[Parts, Tag("parts")]
    | Annotated[list[TurnConfig], Field(min_length=1, max_length=MOST_PARTS), Tag("turns")],
    Discriminator(_template_kind),
]
"""A question: a text, the parts of a message, or several messages."""


class ChatTemplateConfig(FrozenModel):
    """Chat template: the form in which turns are written as one text.

    Attributes:
        use: the name of a chat template; or its file, whose name has a `.` or a `/`, relative to the config file.
        with_: texts by their names in the template, such as `eos_token`.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    use: Annotated[str, AfterValidator(local_path)] = Field(min_length=1)
    with_: dict[str, str] = Field(default_factory=dict, alias="with")

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        return "." in self.use or "/" in self.use


def _as_chat_template(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class PromptConfig(FrozenModel):
    """The prompt of a model, as templates over a case.

    Attributes:
        system: template of the system message; none without it.
        template: template of the question. `{{ input }}` alone takes an input that is a conversation as it is.
        few_shot: examples before the question.
        chat_template: for a generator that completes a text: how the turns are written as one. `{use, with}`, or what
            stands under `use`.
    """

    system: str | None = None
    template: Template = INPUT_ALONE
    few_shot: FewShotConfig | None = None
    chat_template: Annotated[ChatTemplateConfig | None, BeforeValidator(_as_chat_template)] = None

    @model_validator(mode="after")
    def _examples_of_texts(self) -> Self:
        if self.few_shot is not None and self.few_shot.as_ == "text" and not isinstance(self.template, str):
            msg = "`few_shot: {as: text}` needs a template that is a text"
            raise ValueError(msg)
        last = self.template[-1] if self.template else None
        if isinstance(last, TurnConfig) and last.role != "user":
            msg = "the last turn of `template` must be of the user"
            raise ValueError(msg)
        return self


class Shot(FrozenModel):
    """An example: the input and expected output of a case.

    Attributes:
        group: its value of the label that examples and questions share; None when they share none.
    """

    input: JSONValue
    expected_output: JSONValue
    group: str | None = Field(default=None, exclude_if=is_none)


class RunPrompt(FrozenModel):
    """The prompt of a run, with all that decides what a model is sent, so that no other file is needed.

    Attributes:
        system, template: as in `PromptConfig`.
        chat_template: the text of the chat template; None when turns are sent as turns.
        chat_values: texts by their names in it.
        media: hash of the files that are in the prompts of all cases, in order; None when there are no files.
        shots: the examples, in order, and one to spare: a case that is one of them itself gets the others. With `same`
            those of each value of the label, and one to spare for each.
        k: number of examples that are shown.
        same: as in `FewShotConfig`.
        shots_as: how they are shown.
        answer, separator, introduction: as in `FewShotConfig`.
    """

    system: str | None
    template: Template
    chat_template: str | None = Field(default=None, exclude_if=is_none)
    chat_values: dict[str, str] = Field(default_factory=dict, exclude_if=is_empty)
    media: str | None = Field(default=None, exclude_if=is_none)
    shots: list[Shot] = Field(default_factory=list)
    k: int = 0
    same: str | None = Field(default=None, exclude_if=is_none)
    shots_as: ShotsAs = "turns"
    answer: str = ""
    separator: str = ""
    introduction: str | None = Field(default=None, exclude_if=is_none)

    @property
    def has_files(self) -> bool:
        """Whether images or files may be in it."""
        turns = [] if isinstance(self.template, str) else self.template
        contents = [turn.content if isinstance(turn, TurnConfig) else [turn] for turn in turns]
        return any(part.text is None for content in contents if not isinstance(content, str) for part in content)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.k > len(self.shots):
            msg = f"k is {self.k}, and there are {len(self.shots)} examples"
            raise ValueError(msg)
        return self
