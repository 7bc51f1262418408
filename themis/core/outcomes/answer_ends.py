"""Ends of an answer that are not its own: cut off, refused, empty. The generation succeeded all the same."""

from enum import StrEnum

from themis.core.models import GenerationResult


class AnswerEnd(StrEnum):
    """Category of a successful generation whose answer is not what was asked for."""

    TRUNCATED = "truncated"
    REFUSED = "refused"
    EMPTY = "empty"


_BY_FINISH_REASON = {
    "length": AnswerEnd.TRUNCATED,
    "content_filter": AnswerEnd.REFUSED,
    "refusal": AnswerEnd.REFUSED,
}


def answer_end(result: GenerationResult) -> AnswerEnd | None:
    """Return the category of an answer; None when it ended by itself, or its generator does not say how it ended."""
    reason = result.finish_reason
    if reason is None:
        return None
    known = _BY_FINISH_REASON.get(reason)
    return AnswerEnd.EMPTY if known is None and _is_empty(result) else known


def _is_empty(result: GenerationResult) -> bool:
    output = result.final_output
    return output is None or (isinstance(output, str) and not output.strip())
