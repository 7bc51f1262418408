"""Runs as a whole: memory, datasets that change, stores in trouble."""

import asyncio
import gc
import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases, dataset, experiment
from themis.core.config import DatasetFile, RuntimeConfig
from themis.core.engine.run_options import RunProgress
from themis.core.errors import DatasetChangedError, DatasetError, ThemisError
from themis.core.experiment import Experiment
from themis.core.models import Dataset
from themis.core.stores import InMemoryRunStore, sqlite_store


def write_cases(path: Path, count: int) -> DatasetFile:
    with path.open("w") as file:
        file.writelines(json.dumps({"input": f"a{no}", "expected_output": f"a{no}"}) + "\n" for no in range(count))
    return DatasetFile(dataset_id="file", path=str(path))


def peak_of(folder: Path, count: int) -> int:
    """Bytes that were allocated at most while a run of so many cases from a file went into SQLite."""
    folder.mkdir()
    lab = experiment("builtin/demo_generator", datasets=[write_cases(folder / "cases.jsonl", count)])
    with closing(sqlite_store(folder / "s.sqlite3")) as store:
        lab.compile()
        gc.collect()
        tracemalloc.start()
        try:
            result = lab.run(store=store)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert result.progress.completed_cases == count
    return peak


@pytest.mark.parametrize(
    ("count", "noise"), [(4_000, 1_000_000), pytest.param(50_000, 2_000_000, marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path, count: int, noise: int) -> None:
    peak_of(tmp_path / "warm", 100)
    small, large = peak_of(tmp_path / "small", 1_000), peak_of(tmp_path / "large", count)
    # 24 bytes a case are kept to know it again, and 8 to tell ids apart; the rest is what two runs differ by.
    assert large < small + 40 * count + noise


def test_a_dataset_from_a_file_is_kept_by_reference(tmp_path: Path) -> None:
    lab = experiment(datasets=[write_cases(tmp_path / "cases.jsonl", 2_000)], path=tmp_path / "s.sqlite3")
    snapshot = lab.compile()
    assert snapshot.datasets[0].cases is None
    assert snapshot.datasets[0].case_count == 2_000
    assert len(snapshot.model_dump_json()) < 10_000


CHANGES = {
    "a case more": lambda lines: [*lines, '{"input": "more"}\n'],
    "a case less": lambda lines: lines[:-1],
    "another word": lambda lines: [*lines[:-1], lines[-1].replace("a9", "b9")],
    "another order": lambda lines: lines[::-1],
    "nothing": lambda lines: [],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_dataset_that_changed_since_compile_fails_the_run(tmp_path: Path, change: str) -> None:
    path, store = tmp_path / "cases.jsonl", InMemoryRunStore()
    lab = experiment(datasets=[write_cases(path, 10)])
    run_id = lab.compile().run_id
    path.write_text(
        "".join(
            CHANGES[change](  # type: ignore[no-untyped-call]
                path.read_text().splitlines(keepends=True)
            )
        )
    )
    with pytest.raises(DatasetChangedError, match="cases of dataset 'file' have changed since the run was made"):
        lab.run(store=store)
    record = store.load_run(run_id)
    assert record is not None
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.startswith("DatasetChangedError: ")
    assert str(path) in record.error


def test_a_file_that_was_only_written_differently_is_the_same_dataset(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    lab = experiment(datasets=[write_cases(path, 10)])
    lab.compile()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(dict(reversed(row.items())), indent=None) + "\n\n" for row in rows))
    assert lab.run().status == "completed"


def test_a_dataset_that_went_away_since_compile_fails_the_run(tmp_path: Path) -> None:
    path, store = tmp_path / "cases.jsonl", InMemoryRunStore()
    lab = experiment(datasets=[write_cases(path, 10)])
    run_id = lab.compile().run_id
    path.unlink()
    with pytest.raises(DatasetError, match="cannot be read: No such file or directory"):
        lab.run(store=store)
    record = store.load_run(run_id)
    assert record is not None
    assert record.status == "failed"


def test_a_run_that_failed_as_a_whole_goes_on_when_its_cause_is_gone(tmp_path: Path) -> None:
    path, store, generator = tmp_path / "cases.jsonl", InMemoryRunStore(), ScriptedGenerator()
    lab = experiment(generator, datasets=[write_cases(path, 600)], metrics=[ScriptedMetric()])
    lab.compile()
    text = path.read_text()
    path.write_text(text + '{"input": "more"}\n')
    with pytest.raises(DatasetChangedError):
        lab.run(store=store)
    path.write_text(text)
    result = lab.run(store=store)
    assert (result.status, result.error) == ("completed", None)
    assert result.progress.completed_cases == 600


def test_an_error_of_the_library_itself_is_kept_with_the_run() -> None:
    class Broken(InMemoryRunStore):
        def count_ends(self, run_id: str) -> tuple[int, int]:
            if self.load_run(run_id).status == "running":  # type: ignore[union-attr]
                raise ZeroDivisionError("half \ud83d")  # noqa: TRY003, EM101  # the message is the point
            return super().count_ends(run_id)

    store, lab = Broken(), experiment()
    with pytest.raises(ZeroDivisionError):
        lab.run(store=store)


def test_progress_counts_what_is_done_and_what_failed() -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if case.case_id in {"q1", "q2"} else "x")
    progress = RunProgress()
    experiment(generator, datasets=[dataset(9)]).run(progress=progress)
    assert (progress.total, progress.done, progress.failed, progress.resumed) == (9, 9, 2, 0)


def test_results_are_read_from_the_store_when_they_are_asked_for(tmp_path: Path) -> None:
    class Counting(InMemoryRunStore):
        reads = 0

        def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Any]:
            self.reads += 1
            return super().outcomes_between(run_id, first, stop)

    store = Counting()
    result = experiment(datasets=[dataset(1_200)]).run(store=store)
    store.reads = 0
    assert len(result.cases) == 1_200
    assert store.reads == 0
    assert result.cases[1_199].case_id == "q1199"
    assert store.reads == 1
    assert sum(1 for _ in result.cases) == 1_200
    assert store.reads <= 4


def test_a_thousand_cases_that_wait_are_in_flight_together() -> None:
    flying = most = 0

    async def answer(case: Any) -> Any:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.1)
        flying -= 1
        return case.input

    runtime = RuntimeConfig(max_concurrent_tasks=300)
    experiment(ScriptedGenerator(lambda case, ctx: answer(case)), datasets=[dataset(900)], runtime=runtime).run()
    assert most == 300


def test_an_experiment_without_a_case_is_refused() -> None:
    for datasets in ([], [Dataset(dataset_id="empty", cases=[])]):
        with pytest.raises(ThemisError, match="datasets: there is no case to run"):
            experiment(datasets=datasets).run()


def test_a_file_without_a_case_is_named(tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_text("\n")
    with pytest.raises(ThemisError, match=rf"datasets: there is no case to run in {file}$"):
        experiment(datasets=[DatasetFile(dataset_id="d", path=str(file))]).run()


def test_an_empty_dataset_beside_others_is_none_of_their_business() -> None:
    empty = Dataset(dataset_id="empty", cases=[])
    result = experiment(datasets=[empty, dataset(2), Dataset(dataset_id="none", cases=[])]).run()
    assert [case.case_key for case in result.cases] == ["3:lab:q0", "3:lab:q1"]


def test_many_datasets_keep_their_order() -> None:
    made = [Dataset(dataset_id=f"d{no}", cases=cases(3, first=no)) for no in range(200)]
    result = experiment(datasets=made).run()
    assert [case.case_key for case in result.cases] == [
        f"{len(one.dataset_id)}:{one.dataset_id}:{case.case_id}" for one in made for case in one.cases
    ]


def test_an_experiment_made_twice_is_the_same_run() -> None:
    def made() -> Experiment:
        return experiment(ScriptedGenerator())

    store = InMemoryRunStore()
    assert made().run(store=store).run_id == made().run(store=store).run_id
    assert len(store.list_runs()) == 1
