"""Colours of states on a terminal: of runs, of jobs and of workers."""

GOOD, BAD, BUSY, PARTLY, QUIET, HEAD = "good", "bad", "busy", "partly", "quiet", "head"

OFF_VARIABLE = "NO_COLOR"
"""Variable of the environment: with any value there are no colours, see https://no-color.org."""

_CODES = {GOOD: "32", BAD: "31", BUSY: "36", PARTLY: "33", QUIET: "2", HEAD: "1"}
_OF_STATES = {
    "completed": GOOD,
    "done": GOOD,
    "running": BUSY,
    "failed": BAD,
    "lost": BAD,
    "dead": BAD,
    "rejected": BAD,
    "partial_failure": PARTLY,
    "stopping": PARTLY,
    "waiting": QUIET,
    "cancelled": QUIET,
}


def of_state(text: str) -> str | None:
    """Return the style of a state, which may be followed by a reason; None for one that needs no attention."""
    return _OF_STATES.get(text.partition(":")[0])


def painted(text: str, style: str | None) -> str:
    """Return `text` with the codes that give it a style on a terminal."""
    code = _CODES.get(style or "")
    return text if code is None or not text else f"\x1b[{code}m{text}\x1b[0m"
