"""Would the tests notice? One line at a time is changed, and they are asked.

    python -m tests.mutants --sample 100 --seed 7
    python -m tests.mutants --files themis/core/queue/transitions/moves.py --sample 0

Changes are made in a copy of the repository. Which tests run which line is measured first, once, and kept in `--folder`
(`--record` measures again). What no test notices is printed; 1 is returned when that is more than 5 of 100.
"""

import argparse
import hashlib
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.changes import Mutant, mutants_of
from tests.mutants.known import complaints, known_changes
from tests.mutants.recording import Record, record
from tests.mutants.scratch import REPOSITORY, Copy
from tests.mutants.trials import Trial, Trials

AREAS: dict[str, tuple[str, ...]] = {
    "queue": ("themis/core/queue/*.py", "themis/core/files/durable.py"),
    "stores": ("themis/core/stores/*.py",),
    "engine": ("themis/core/engine/*.py",),
}
_NOT_NOTICED_OF_100 = 5


def main() -> int:
    """Try the changes that were asked for; 0 when the tests notice them, but for 5 of 100."""
    options = _options()
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if options.short:
        wrong = list(complaints(Copy(folder / "short"), known_changes()))
        for complaint in wrong:
            print(f"\n{complaint}")
        return int(bool(wrong))
    harmless = harmless_changes()
    chosen, left_out = _chosen(options.files, options.sample, options.seed, harmless)
    if not chosen:
        print("no change can be made: is it these files that are meant?", file=sys.stderr)
        return 2
    known = _recorded(folder, options.record)
    print(f"{len(chosen)} changes are tried, {len(left_out)} that are known to be harmless are not", flush=True)
    trials = _tried(chosen, known, folder, options.processes)
    return _report(trials)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, default=100, help="changes to try, evenly of each area; 0 for all")
    parser.add_argument(
        "--seed", default="1", help="which of them: the same seed chooses the same, while they are there"
    )
    parser.add_argument("--files", nargs="*", default=[], help="only of these files, as patterns")
    parser.add_argument("--record", nargs="*", help="measure again which lines tests run: those of some files, or all")
    parser.add_argument("--short", action="store_true", help="only the changes of known.toml, by the tests named there")
    parser.add_argument("--processes", type=int, default=1, help="changes that are tried at once")
    default = Path(tempfile.gettempdir()) / f"themis-mutants-{hashlib.sha256(bytes(REPOSITORY)).hexdigest()[:8]}"
    parser.add_argument("--folder", default=str(default), help="for copies and records (%(default)s)")
    return parser.parse_args()


def harmless_changes() -> dict[tuple[str, str, str], str]:
    """The reasons of the changes that change nothing, by file, line before and line after."""
    text = (Path(__file__).parent / "harmless.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text).get("harmless", [])
    return {(entry["path"], entry["before"], entry["after"]): entry["why"] for entry in entries}


def not_made(harmless: dict[tuple[str, str, str], str]) -> list[tuple[str, str, str]]:
    """Those of the harmless changes that the code of now has no place for."""
    paths = {path for path, _, _ in harmless if (REPOSITORY / path).exists()}
    only = {(before, after) for _, before, after in harmless}
    made = {(m.path, m.before, m.after) for path in paths for m in mutants_of(REPOSITORY, path, only=only)}
    return [change for change in harmless if change not in made]


def _chosen(
    patterns: Sequence[str], count: int, seed: str, harmless: dict[tuple[str, str, str], str]
) -> tuple[list[Mutant], list[Mutant]]:
    """The changes to try, and those among the first ones that are known to be harmless."""
    chosen: list[Mutant] = []
    left_out: list[Mutant] = []
    each = -(-count // len(AREAS)) if count else None
    for globs in AREAS.values():
        paths = sorted(str(path.relative_to(REPOSITORY)) for glob in globs for path in _files(glob))
        wanted = [path for path in paths if not patterns or any(fnmatch(path, pattern) for pattern in patterns)]
        mutants = sorted((m for path in wanted for m in mutants_of(REPOSITORY, path)), key=_order(seed))
        is_harmless = [(m.path, m.before, m.after) in harmless for m in mutants]
        left_out += [m for m, known in zip(mutants[:each], is_harmless, strict=False) if known]
        chosen += [m for m, known in zip(mutants, is_harmless, strict=True) if not known][:each]
    return (chosen[:count] if count else chosen), left_out


def _files(glob: str) -> list[Path]:
    folder, _, pattern = glob.rpartition("/")
    return list((REPOSITORY / folder).rglob(pattern))


def _order(seed: str) -> Callable[[Mutant], str]:
    return lambda mutant: hashlib.sha256(f"{seed}\n{mutant.key}".encode()).hexdigest()


def _recorded(folder: Path, again: list[str] | None) -> Record:
    kept = folder / "record.json"
    if again and kept.exists():
        found = Record.load(kept)
        found.add(record(Copy(folder / "recording"), ["-m", "not soak", "--short", *again]))
    elif again is None and kept.exists():
        return Record.load(kept)
    else:
        print("measuring which tests run which line", flush=True)
        found = record(Copy(folder / "recording"), ["-m", "not soak", "--short"])
    found.save(kept)
    return found


def _tried(mutants: Sequence[Mutant], known: Record, folder: Path, processes: int) -> list[Trial]:
    places: SimpleQueue[Trials] = SimpleQueue()
    for number in range(processes):
        places.put(Trials(Copy(folder / f"trials-{number}"), known))

    def tried(mutant: Mutant) -> Trial:
        place = places.get()
        try:
            trial = place.run(mutant)
        finally:
            places.put(place)
        word = "killed  " if trial.killed_by else "SURVIVED"
        by = f"  {trial.killed_by}" if trial.killed_by else f"  of {trial.tests} tests none is red"
        print(f"{word} {mutant.path}:{mutant.line}  {mutant.after[:100]}  {trial.seconds:.0f} s{by}", flush=True)
        return trial

    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(tried, mutants))


def _report(trials: Sequence[Trial]) -> int:
    survivors = [trial for trial in trials if trial.killed_by is None]
    print(f"\n{'area':10} {'tried':>6} {'killed':>7}")
    for area, globs in AREAS.items():
        of_area = [t for t in trials if any(fnmatch(t.mutant.path, glob) for glob in globs)]
        print(f"{area:10} {len(of_area):6} {sum(t.killed_by is not None for t in of_area):7}")
    print(f"{'all':10} {len(trials):6} {len(trials) - len(survivors):7}")
    for trial in survivors:
        mutant = trial.mutant
        print(f"\nsurvived: {mutant.path}:{mutant.line} ({trial.tests} tests run it)")
        print(f"    - {mutant.before}\n    + {mutant.after}")
    allowed = max(1, len(trials) * _NOT_NOTICED_OF_100 // 100)
    return int(len(survivors) > allowed)


if __name__ == "__main__":
    sys.exit(main())
