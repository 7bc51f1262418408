"""Selection of the cases of a file, and their order, as a configuration gives them."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from themis.core.base import FrozenModel, JSONValue, Name
from themis.core.values.bounded_numbers import Count, PositiveCount, Seed

AnswerAs = Literal["auto", "index", "letter", "text"]
"""What an answer is: the number of a choice from 0, its letter, its text; by default whichever of these fits."""

_RANGE = {"min", "max"}


class ChoicesConfig(FrozenModel):
    """Reading of a question's choices.

    Attributes:
        answer_as: what the field `answer` names a choice by.
    """

    answer_as: AnswerAs = "auto"


class SliceConfig(FrozenModel):
    """Cases from number `start` (from 0) to before number `stop`."""

    start: Count = 0
    stop: PositiveCount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            msg = f"start, {self.start}, is not before stop, {self.stop}"
            raise ValueError(msg)
        return self


class SampleConfig(FrozenModel):
    """`size` cases at random, in their order; of a smaller set, all."""

    size: PositiveCount
    seed: Seed = 0


def _checked_filter(value: dict[str, JSONValue]) -> dict[str, JSONValue]:
    for path, wanted in value.items():
        if not all(path.split(".")):
            msg = f"{path!r} is not a dotted path such as answer.text"
            raise ValueError(msg)
        if isinstance(wanted, dict):
            _check_range(path, wanted)
        elif isinstance(wanted, list) and not wanted:
            msg = f"{path}: an empty list keeps no case"
            raise ValueError(msg)
    return value


def _check_range(path: str, wanted: dict[str, Any]) -> None:
    numbers = [bound for bound in wanted.values() if isinstance(bound, int | float) and not isinstance(bound, bool)]
    if not wanted or set(wanted) - _RANGE or len(numbers) < len(wanted):
        msg = f"{path}: a range has a number as `min`, `max` or both"
        raise ValueError(msg)


class DatasetSelection(FrozenModel):
    """The cases of a file that are taken, and their order: filtered, shuffled, sliced, sampled, named, in this order.

    Ids are given before, so that a case keeps its own under every seed.

    Attributes:
        choices: how the field `choices` of a question is read.
        filter: for each dotted path the value that a record must have there, one of several, or a range of numbers with
            both bounds in it. A record without a value there is left out, unless null is wanted.
        slice: a stretch of the cases.
        shuffle: the seed of another order.
        sample: some of the cases at random.
        case_ids: the ids of those of them that are taken; all when none is given. Left out of what is stored then, so
            that workers of an earlier version read it.
        shuffle_choices: the seed of another order of the choices of each case.
    """

    choices: ChoicesConfig = ChoicesConfig()
    filter: Annotated[dict[str, JSONValue], AfterValidator(_checked_filter)] = Field(default_factory=dict)
    slice: SliceConfig | None = None
    shuffle: Seed | None = None
    sample: SampleConfig | None = None
    case_ids: list[Name] = Field(default_factory=list, exclude_if=lambda value: not value)
    shuffle_choices: Seed | None = None
