"""Jobs of runs whose cases are listed: each reads the blobs of its own cases, and no more than one is in memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.lab import cases
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.engine.compiling.compiled import recompile
from themis.core.engine.planning import DoneCases, each_case
from themis.core.errors import DatasetChangedError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.results import RunResult, RunStatus
from themis.core.stores import snapshot_blobs, sqlite_store
from themis.core.stores.shards.rows import slices
from themis.core.stores.sqlite.store import SqliteRunStore
from themis.core.submission import run_worker_once, submit_experiment

TOP = Path(__file__).parents[3]
CASES, SHARDS, PER_BLOB = 80, 8, 5


def made(folder: Path, *datasets: Dataset | DatasetFile) -> Experiment:
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/text"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(queue_root=str(folder / "queue")),
        datasets=list(datasets),
    )


@pytest.fixture
def read_ids(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """First id, and number of cases, of each blob of cases that is read from now on; few are in one."""
    monkeypatch.setattr(snapshot_blobs, "CASES_PER_BLOB", PER_BLOB)
    found: list[tuple[str, int]] = []
    get = SqliteRunStore.get_blob

    def get_blob(store: SqliteRunStore, digest: str) -> bytes | None:
        data = get(store, digest)
        if data is not None and data.startswith(b"["):
            listed = json.loads(data)
            found.append((listed[0]["case_id"], len(listed)))
        return data

    monkeypatch.setattr(SqliteRunStore, "get_blob", get_blob)
    return found


def worked(folder: Path) -> RunResult:
    found = run_worker_once(queue_root=str(folder / "queue"))
    assert isinstance(found, RunResult)
    return found


def test_a_shard_reads_the_blobs_of_its_own_cases_once(tmp_path: Path, read_ids: list[tuple[str, int]]) -> None:
    submit_experiment(made(tmp_path, Dataset(dataset_id="lab", cases=cases(CASES))), shards=SHARDS)
    assert read_ids == []
    by_shard = []
    for _ in range(SHARDS):
        result = worked(tmp_path)
        by_shard.append(list(read_ids))
        read_ids.clear()
    expected = [[(f"q{first}", PER_BLOB), (f"q{first + PER_BLOB}", PER_BLOB)] for first, _ in slices(CASES, SHARDS)]
    assert sorted(by_shard) == sorted(expected)
    assert (result.status, result.progress.completed_cases) == (RunStatus.COMPLETED, CASES)
    assert [case.case_id for case in result.cases] == [case.case_id for case in cases(CASES)]


def test_a_job_reads_each_blob_once_and_needs_the_next_only_when_one_is_done(
    tmp_path: Path, read_ids: list[tuple[str, int]]
) -> None:
    submitted = submit_experiment(made(tmp_path, Dataset(dataset_id="lab", cases=cases(12))))
    store = sqlite_store(tmp_path / "themis.sqlite3")
    snapshot = store.load_snapshot(submitted.run_id)
    assert snapshot is not None
    works = each_case(recompile(snapshot))
    assert read_ids == []
    assert [next(works).case.case_id for _ in range(PER_BLOB)] == [f"q{no}" for no in range(PER_BLOB)]
    assert read_ids == [("q0", PER_BLOB)]
    assert len(list(works)) == 12 - PER_BLOB
    assert read_ids == [("q0", PER_BLOB), ("q5", PER_BLOB), ("q10", 2)]
    store.close()


def datasets_of_each_kind(folder: Path) -> list[Dataset | DatasetFile]:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(case.model_dump()) + "\n" for case in cases(9)))
    file = DatasetFile(dataset_id="file", path=str(path))
    return [Dataset(dataset_id="lab", cases=cases(13)), file, Dataset(dataset_id="last", cases=cases(7))]


@pytest.mark.usefixtures("read_ids")
@pytest.mark.parametrize("shards", [1, 2, 3, 7, 29])
def test_slices_of_all_datasets_together_are_all_cases_in_order(tmp_path: Path, shards: int) -> None:
    submitted = submit_experiment(made(tmp_path, *datasets_of_each_kind(tmp_path)))
    store = sqlite_store(tmp_path / "themis.sqlite3")
    snapshot = store.load_snapshot(submitted.run_id)
    assert snapshot is not None
    run = recompile(snapshot)

    def told(*between: int) -> list[tuple[int, int, str, bytes]]:
        wanted = DoneCases(between[0], between[1]) if between else None
        return [(one.case_no, one.dataset_no, one.case_key, one.digest) for one in each_case(run, wanted)]

    whole = told()
    assert [no for no, *_ in whole] == list(range(29))
    assert [dataset_no for _, dataset_no, *_ in whole] == [0] * 13 + [1] * 9 + [2] * 7
    parts = slices(29, shards)
    assert all(before == after for (_, before), (after, _) in pairwise(parts))
    assert [one for part in parts for one in told(*part)] == whole
    store.close()


def test_a_dataset_of_which_a_shard_has_no_case_is_not_read_again(
    tmp_path: Path, read_ids: list[tuple[str, int]]
) -> None:
    listed = [Dataset(dataset_id=name, cases=[Case(case_id=name, input="x")]) for name in "abc"]
    submit_experiment(made(tmp_path, *listed), shards=3)
    for _ in listed:
        worked(tmp_path)
    assert sorted(read_ids) == [("a", 1), ("b", 1), ("c", 1)]


def test_a_file_without_cases_that_has_got_some_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.touch()
    file = DatasetFile(dataset_id="file", path=str(path))
    submitted = submit_experiment(made(tmp_path, Dataset(dataset_id="lab", cases=cases(2)), file))
    with closing(sqlite_store(tmp_path / "themis.sqlite3")) as store:
        snapshot = store.load_snapshot(submitted.run_id)
        assert snapshot is not None
        works = each_case(recompile(snapshot))
        path.write_text('{"input": "new"}\n')
        with pytest.raises(DatasetChangedError):
            list(works)


PROGRAM = """
import sys
from themis.core.submission import run_worker_once
found = run_worker_once(queue_root=sys.argv[1])
with open("/proc/self/status") as status:  # not getrusage, whose peak includes that of the process that forked this one
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
print(type(found).__name__, peak)
"""


@pytest.fixture
def peak_mb(tmp_path: Path) -> Callable[[int, int, int], int]:
    """Peak memory, in MiB, of a process that carries out a shard of a run of listed cases of so many characters."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux says the peak of a process")

    def peak(count: int, shards: int, size: int) -> int:
        folder = tmp_path / f"{count} {shards}"
        folder.mkdir()
        listed = [Case(case_id=f"q{no}", input=f"{no} {'x' * size}") for no in range(count)]
        submit_experiment(made(folder, Dataset(dataset_id="lab", cases=listed)), shards=shards)
        command = [sys.executable, "-c", PROGRAM, str(folder / "queue")]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, timeout=300)
        kind, kib = done.stdout.split()
        assert kind == "RunResult"
        return int(kib) // 1024

    return peak


@pytest.mark.slow
def test_the_memory_of_a_shard_does_not_grow_with_the_cases_of_the_others(
    peak_mb: Callable[[int, int, int], int], short: bool
) -> None:
    """Shards of 1,000 cases; when each process held all cases of its run, that was 2 KB for each of them."""
    shards = 40 if short else 100
    assert peak_mb(1_000 * shards, shards, 300) < peak_mb(10_000, 10, 300) + 24


@pytest.mark.slow
def test_the_memory_of_a_job_does_not_grow_with_its_cases(peak_mb: Callable[[int, int, int], int], short: bool) -> None:
    """Cases of 3,000 characters, of which a blob has some 2,800; and some megabytes of answers wait for the disk."""
    count = 12_000 if short else 30_000
    assert peak_mb(count, 1, 3_000) < peak_mb(4_000, 1, 3_000) + 32
