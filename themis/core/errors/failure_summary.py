"""Summary of a failure, from the parts of it that are stored."""

from themis.core import errors

_COMPLETE = frozenset({"ScoreError", "ValidationError"})
"""Errors whose messages need no class before them."""


def summary_of(message: str, error_type: str, at: object) -> str:
    """Return the message of a failure, with the exception's class and place unless it contains them.

    Args:
        message: of the failure.
        error_type: the exception's class, or `ScoreError`.
        at: the place that it is blamed on; None if there is none.
    """
    if error_type == "ScoreError" or error_type in vars(errors):  # their messages are complete
        return message
    is_named = error_type in _COMPLETE or message.startswith(error_type)
    named = message if is_named else f"{error_type}: {message}"
    return named if at is None or f"({at})" in named else f"{named} ({at})"
