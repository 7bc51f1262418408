"""Reasoning of a model, split from its answer where the text holds both."""

import re

_OPENING = re.compile(r"\s*<(think|thinking)>")


def split_reasoning(text: str) -> tuple[str, str | None]:
    """Return the answer in a text and the reasoning before it; None without any.

    A text that begins with `<think>` reasons until `</think>`; if that never comes, there is no answer. A closing tag
    without an opening one ends the reasoning too, as chat templates write the opening tag themselves.
    """
    opening = _OPENING.match(text)
    if opening is not None:
        reasoning, closing, answer = text[opening.end() :].partition(f"</{opening[1]}>")
        return (answer.strip() if closing else ""), reasoning.strip()
    reasoning, closing, answer = text.partition("</think>")
    if closing and "<think>" not in reasoning:
        return answer.strip(), reasoning.strip()
    return text, None
