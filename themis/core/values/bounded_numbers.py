"""Numeric types for fields of a model, each with its bounds."""

import sys
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from themis.core.base import NotBool
from themis.core.values.bounds import (
    LEAST_RATE,
    LEAST_SEED,
    MOST_COUNT,
    MOST_DELAY_S,
    MOST_FACTOR,
    MOST_MIB,
    MOST_RATE,
    MOST_SECONDS,
    MOST_SEED,
    MOST_TOKENS,
    MOST_USD,
)


def _as_float(value: Any) -> Any:
    """Replace an integer too large for a float by the largest float, which the bound then refuses by name."""
    most = sys.float_info.max
    return max(-most, min(value, most)) if isinstance(value, int) and not isinstance(value, bool) else value


_FLOAT = BeforeValidator(_as_float)

Count = Annotated[int, Field(ge=0, le=MOST_COUNT), NotBool]
PositiveCount = Annotated[int, Field(gt=0, le=MOST_COUNT), NotBool]
Mebibytes = Annotated[int, Field(ge=0, le=MOST_MIB), NotBool]
PositiveMebibytes = Annotated[int, Field(gt=0, le=MOST_MIB), NotBool]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS), _FLOAT, NotBool]
PositiveSeconds = Annotated[float, Field(gt=0, le=MOST_SECONDS), _FLOAT, NotBool]
Delay = Annotated[float, Field(ge=0, le=MOST_DELAY_S), _FLOAT, NotBool]
Share = Annotated[float, Field(ge=0, le=1), _FLOAT, NotBool]
Factor = Annotated[float, Field(ge=1, le=MOST_FACTOR), _FLOAT, NotBool]
Rate = Annotated[float, Field(ge=LEAST_RATE, le=MOST_RATE), _FLOAT, NotBool]
TokenCount = Annotated[int, Field(gt=0, le=MOST_TOKENS), NotBool]
Dollars = Annotated[float, Field(gt=0, le=MOST_USD), _FLOAT, NotBool]
Seed = Annotated[int, Field(ge=LEAST_SEED, le=MOST_SEED), NotBool]
