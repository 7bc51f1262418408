"""Hint with the known word nearest to a mistyped one, for the end of an error message."""

from collections.abc import Iterable
from difflib import get_close_matches

_FEW_WORDS = 12
_SHORTEST_BEGINNING = 3


def nearest_hint(word: str, known: Iterable[str], *, then: str = "") -> str:
    """Return `; did you mean "…"?` for the nearest of `known`; else the known words, if they are few; else nothing.

    The sentence `then` follows, behind a question mark as one of its own.

    If `word` is the beginning of exactly one known word, that one is preferred to words that look similar.
    """
    words = sorted(set(known))
    begun = [found for found in words if found.startswith(word)] if len(word) >= _SHORTEST_BEGINNING else []
    near = begun if len(begun) == 1 else get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?' + (f" {then[0].upper()}{then[1:]}" if then else "")
    hint = f"; known are {', '.join(words)}" if 0 < len(words) <= _FEW_WORDS else ""
    return f"{hint}; {then}" if then else hint
