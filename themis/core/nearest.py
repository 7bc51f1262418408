"""The nearest known word to a mistyped one, as the end of an error's line."""

from collections.abc import Iterable
from difflib import get_close_matches

_FEW_WORDS = 12


def nearest_hint(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for the nearest of `known`; else the known words, when they are few; else nothing."""
    words = sorted(set(known))
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known are {', '.join(words)}" if 0 < len(words) <= _FEW_WORDS else ""
