"""Setting of a run whose generations go through the batches of a provider."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from themis.core.base import FrozenModel, NotBool
from themis.core.values.bounds import MOST_DELAY_S
from themis.core.values.durations import duration_s


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = duration_s(value)
    if found is None:
        msg = f"{value!r} is not a duration: write seconds, or 90s, 10m, 2h30m"
        raise ValueError(msg)
    return float(min(found, 2 * MOST_DELAY_S))


Pause = Annotated[float, Field(gt=0, le=MOST_DELAY_S), NotBool, BeforeValidator(_seconds)]
"""Seconds, or a duration such as `10m`; at most a day."""


class BatchConfig(FrozenModel):
    """Times at which the provider is asked how far a batch is.

    Attributes:
        after: seconds from the submission of a batch to the first question.
        poll: seconds between two questions.
    """

    after: Pause = 600.0
    poll: Pause = 300.0
