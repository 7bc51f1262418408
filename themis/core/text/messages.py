"""A message of Themis for people, in one line."""

from themis.core.text.lines import cut, one_line
from themis.core.text.masking import mask


def message(text: str) -> str:
    """Return a message for standard error, in one line, with secrets masked; a very long one is shortened."""
    return f"themis: {one_line(cut(mask(text)))}"
