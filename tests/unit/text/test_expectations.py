"""A wrong value is said with what was expected, what was found, and what to write, in no library's words."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from themis.core.text.pydantic_errors import problems, words


class Values(BaseModel):
    model_config = ConfigDict(strict=False)

    whole: Annotated[int, Field(gt=0, le=9)] = 1
    number: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    flag: bool = True
    text: str = ""
    items: list[str] = Field(default_factory=list)
    facts: dict[str, int] = Field(default_factory=dict)
    word: Literal["auto", "error"] = "auto"
    inner: "Values | None" = None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"whole": 0}, "whole: must be greater than 0, not 0"),
        ({"whole": 10}, "whole: must be at most 9, not 10"),
        ({"whole": "three"}, "whole: must be a whole number, not 'three'"),
        ({"whole": 1.5}, "whole: must be a whole number, not 1.5"),
        ({"whole": None}, "whole: must be a whole number, not null"),
        ({"number": float("nan")}, "number: must be a finite number, not nan"),
        ({"number": "soon"}, "number: must be a number, not 'soon'"),
        ({"flag": "perhaps"}, "flag: must be true or false, not 'perhaps'"),
        ({"text": 7}, "text: must be a text, not 7; write it in quotes: '7'"),
        ({"text": True}, "text: must be a text, not true; write it in quotes: 'true'"),
        ({"text": ["a"]}, "text: must be a text, not a list"),
        ({"items": "a/b"}, "items: must be a list, not 'a/b'; write [a/b]"),
        ({"items": {"a": 1}}, "items: must be a list, not a mapping"),
        ({"items": "x" * 99}, f"items: must be a list, not '{'x' * 60}…'"),
        ({"facts": "Bearer sk-1"}, "facts: must be a mapping of keys to values, not a text"),
        ({"inner": 3}, "inner: must be a mapping of keys to values, not 3"),
        ({"word": "never"}, "word: must be 'auto' or 'error', not 'never'"),
    ],
)
def test_a_wrong_value_is_said_with_what_belongs_there(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Values(**given)
    assert [words(problem) for problem in problems(caught.value)] == [said]
