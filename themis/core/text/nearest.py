"""Hint with the known word nearest to a mistyped one, for the end of an error message."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_FEW_WORDS = 12
_SHORTEST_BEGINNING = 3


def nearest(word: str, words: Sequence[str], *, alike: float = 0.6) -> str | None:
    """Return the word that is begun by `word`, if it is the only one, else the one that is most like it, if any is.

    Args:
        word: the mistyped one.
        words: those that there are.
        alike: share of letters that two words have in common at least.
    """
    begun = [found for found in words if found.startswith(word)] if len(word) >= _SHORTEST_BEGINNING else []
    near = begun if len(begun) == 1 else get_close_matches(word, words, n=1, cutoff=alike)
    return near[0] if near else None


def nearest_hint(word: str, known: Iterable[str], *, then: str = "") -> str:
    """Return `; did you mean "…"?` for the nearest of `known`; else the known words, if they are few; else nothing.

    The sentence `then` follows, behind a question mark as one of its own.
    """
    words = sorted(set(known))
    near = nearest(word, words)
    if near is not None:
        return f'; did you mean "{near}"?' + (f" {then[0].upper()}{then[1:]}" if then else "")
    hint = f"; known are {', '.join(words)}" if 0 < len(words) <= _FEW_WORDS else ""
    return f"{hint}; {then}" if then else hint
