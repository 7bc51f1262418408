"""Reasons in one word why a run ended before its cases did: the only rule for them."""

BUDGET = "budget"
"""Its budget is used up."""

_CANCELLED = "cancelled"


def reason_of(status: str, error: str | None) -> str | None:
    """Return the reason why a run was cancelled; None when a person did, or when it was not."""
    return BUDGET if status == _CANCELLED and error is not None and error.startswith(f"{BUDGET}:") else None
