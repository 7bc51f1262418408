"""Rows of judge calls: the responses of judges, each kept as soon as its call has ended.

An outcome of the judge stage is written when all calls of a metric about a case have ended. A run that is killed before
continues from these rows, so that no call is made, and paid for, twice. Other runs find them by their cache key.
"""

from typing import NamedTuple


class JudgeCallRow(NamedTuple):
    """Response of a judge to one call. The first three attributes are its key within the run.

    Attributes:
        case_no: the case's position in the run.
        item: that of the outcome which the call belongs to; `SELECTION` for a call that a selector made.
        call_id: names the call within the item.
        cache_key: hash of the judge, the prompt, the seed and the repeat; equal calls have equal keys, in every run.
        finished_ms: milliseconds since 1970 UTC.
        response: JSON text of the `JudgeResponse`.
    """

    case_no: int
    item: int
    call_id: str
    cache_key: str
    finished_ms: int
    response: str


SELECTION = -1
"""Item of the calls that a selector made."""
