"""Reading the same cases from each format: rate as a share of plain JSONL's, peak memory, and one content.

    python tests/benchmarks/bench_datasets.py [--short]

Each file is read as a run reads it, in a process of its own: once in full, for its fingerprint, and once again with
each case compared. The rate is of both together, in processor time.
"""

import argparse
import csv
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import exit_code, judged
from themis.core.datasets import FileSource
from themis.core.datasets.first_reading import read_through

FORMATS = ("cases.jsonl", "cases.jsonl.gz", "cases.json", "cases.csv", "cases.tsv", "cases.parquet", "cases.csv.zst")
LEAST_SHARE = {"cases.json": 0.4}  # an item is looked through twice: for its end, and for its case
MOST_MB = {"cases.parquet": 300}
COLUMNS = ("case_id", "input", "expected_output")


def rows(count: int) -> Iterator[tuple[str, str, str]]:
    """Small cases of texts, each of its own."""
    for number in range(count):
        yield f"case-{number:07d}", f"What is {number} + {number + 1}, please?", str(2 * number + 1)


def write(folder: Path, count: int) -> None:
    """The same cases in every format."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra
    from backports import zstd  # noqa: PLC0415  # the same
    from pyarrow import parquet  # noqa: PLC0415

    with (folder / "cases.jsonl").open("w") as lines, (folder / "cases.json").open("w") as listed:
        listed.write("[")
        for number, row in enumerate(rows(count)):
            text = json.dumps(dict(zip(COLUMNS, row, strict=True)))
            lines.write(text + "\n")
            listed.write((",\n" if number else "") + text)
        listed.write("]")
    for name, delimiter in (("cases.csv", ","), ("cases.tsv", "\t")):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([COLUMNS, *rows(count)])
    (folder / "cases.jsonl.gz").write_bytes(gzip.compress((folder / "cases.jsonl").read_bytes(), 6))
    (folder / "cases.csv.zst").write_bytes(zstd.compress((folder / "cases.csv").read_bytes()))
    parquet.write_table(
        pa.table(dict(zip(COLUMNS, zip(*rows(count), strict=True), strict=True))), folder / "cases.parquet"
    )


def read(path: Path) -> dict[str, float | str]:
    """The cost of both readings of a file, and what was read."""
    source = FileSource("bench", path)
    began_s = time.process_time()
    known = read_through(source)
    count = sum(1 for _ in source.cases_again(known))
    seconds = time.process_time() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"per_second": count / seconds, "memory_mb": peak_mb, "content": known.content}


def child(*arguments: str) -> str:
    """What a process of its own prints; one writes the files too, as its parent's peak of memory becomes a child's."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(*, short: bool = False) -> int:
    """Measure, and print a line for each format with what it is held against; 1 when one misses it."""
    count = 50_000 if short else 1_000_000
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        child("--write", folder, str(count))
        found = {name: json.loads(child("--read", str(Path(folder) / name))) for name in FORMATS}
    plain = found["cases.jsonl"]
    for name, figures in found.items():
        share, memory_mb = float(figures["per_second"]) / float(plain["per_second"]), float(figures["memory_mb"])
        most_mb = MOST_MB.get(name, 200)
        least = LEAST_SHARE.get(name, 0.5)
        target = f"{least} and {most_mb} MB"
        text = f"{share:.2f} ({float(figures['per_second']):,.0f} a second), {memory_mb:.0f} MB"
        met = share >= least and memory_mb <= most_mb
        held = judged(f"{name}: share of JSONL's rate", text, target, met=met)
        print(f"{name:16} share of JSONL's rate {text:>36}   target {held}", flush=True)
    contents = {figures["content"] for figures in found.values()}
    same = judged("contents of all formats", f"{len(contents)}", "one", met=len(contents) == 1)
    print(f"{'contents':16} of {count:,} cases {len(contents):>36}   target {same}", flush=True)
    return exit_code(short=short)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(Path(given.write[0]), int(given.write[1]))
    elif given.read:
        print(json.dumps(read(Path(given.read))))
    else:
        sys.exit(main(short=given.short))
