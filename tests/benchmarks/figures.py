"""The figures of a benchmark, each held against its target."""

import json
import os
from pathlib import Path
from typing import NamedTuple

FIGURES = "THEMIS_BENCHMARK_FIGURES"
"""Environment variable that names the file in which a benchmark notes its figures."""

_missed: list[str] = []


class Figure(NamedTuple):
    """A figure as it was found; `target` says that it was missed, where it was."""

    what: str
    found: str
    target: str


def judged(what: str, found: str, target: str, *, met: bool) -> str:
    """Note a figure, and return its target as it is printed; one that misses it is marked, for `exit_code` too."""
    if not met:
        _missed.append(what.strip())
        target = f"{target}  MISSED"
    if path := os.environ.get(FIGURES):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(Figure(what.strip(), found, target)) + "\n")
    return target


def noted(path: Path) -> list[Figure]:
    """Return the figures that benchmarks have noted in a file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Figure(*json.loads(line)) for line in lines]


def exit_code(*, short: bool) -> int:
    """What a benchmark ends with: 1 when a figure missed its target; short ones only show that they run."""
    if _missed and not short:
        print(f"\nmissed: {', '.join(_missed)}", flush=True)
    return int(bool(_missed) and not short)
