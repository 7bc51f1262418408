"""Changes that tests have noticed, and must go on to notice: named with those tests, so that trying them is quick.

Which they are does not follow from a seed: this is red when a test has become weaker, and only then.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.changes import mutants_of
from tests.mutants.scratch import Copy

FILE = Path(__file__).parent / "known.toml"
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Known:
    """A change by what it does to a line of a file, and the file of the tests that notice it."""

    path: str
    before: str
    after: str
    by: str


def known_changes(file: Path = FILE) -> list[Known]:
    """All of them."""
    return [Known(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["known"]]


def complaints(copy: Copy, changes: Sequence[Known]) -> Iterator[str]:
    """What is wrong: tests that are red without any change, changes that nobody noticed or that are not made once."""
    if (red := _red(copy, sorted({change.by for change in changes}))) is not None:
        yield f"the tests are red as they are:\n{red}"
        return
    for change in changes:
        name = f"{change.path}: {change.before} -> {change.after}"
        made = mutants_of(copy.tree, change.path, only={(change.before, change.after)})
        if len(made) != 1:
            yield f"is made {len(made)} times, so choose another change of that place for {FILE.name}: {name}"
            continue
        copy.write(change.path, made[0].text)
        try:
            noticed = _red(copy, [change.by]) is not None
        finally:
            copy.restore(change.path)
        print("killed  " if noticed else "SURVIVED", name, flush=True)
        if not noticed:
            yield f"{change.by} does not notice it: {name}"


def _red(copy: Copy, tests: Sequence[str]) -> str | None:
    """What tests print when one is red; None when all are green."""
    code, output = copy.pytest(["-x", "--no-header", "--tb=line", *tests], _PATIENCE_S)
    return None if code == 0 else output or "a hang"
