"""The figures of a benchmark, each held against its target."""

_missed: list[str] = []


def judged(what: str, target: str, *, met: bool) -> str:
    """The target as it is printed; a figure that misses it is marked, and remembered for `exit_code`."""
    if met:
        return target
    _missed.append(what.strip())
    return f"{target}  MISSED"


def exit_code(*, short: bool) -> int:
    """What a benchmark ends with: 1 when a figure missed its target; short ones only show that they run."""
    if _missed and not short:
        print(f"\nmissed: {', '.join(_missed)}", flush=True)
    return int(bool(_missed) and not short)
