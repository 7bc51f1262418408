"""Settings by which the judges of a run are asked."""

from collections.abc import Callable
from typing import NamedTuple

from themis.core.config import RuntimeConfig
from themis.core.engine.spending import Spending

Cached = Callable[[str], str | None]
"""Returns the response of any run to a call with that key; None when there is none."""


class Asking(NamedTuple):
    """Settings by which judges are asked.

    Attributes:
        runtime: retries and time limits.
        spending: counts what the calls use.
        cached: finds the responses of all runs; None to ask again whatever is known.
    """

    runtime: RuntimeConfig
    spending: Spending | None = None
    cached: Cached | None = None
