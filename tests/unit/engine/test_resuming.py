"""A run that is continued reads its file without a look at what is done, and is the same run."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, experiment
from themis.core.config import DatasetFile
from themis.core.datasets import known_files
from themis.core.engine.planning import DoneCases, done_cases, each_case
from themis.core.engine.run_options import RunProgress
from themis.core.errors import DatasetChangedError
from themis.core.experiment import Experiment
from themis.core.outcomes.stages import Stage
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.submission import run_worker_once, submit_experiment

COUNT = 600


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    write(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteRunStore]:
    with closing(SqliteRunStore(tmp_path / "s.sqlite3")) as made:
        yield made


def write(path: Path, **changed: str) -> None:
    """Write the cases, some of them with other texts."""
    texts = [changed.get(f"q{number}", f"q{number}") for number in range(COUNT)]
    path.write_text("".join(json.dumps({"input": text, "expected_output": "a"}) + "\n" for text in texts))


def run_of(file: Path, generator: Any = "builtin/demo_generator") -> Experiment:
    return experiment(generator, datasets=[DatasetFile(dataset_id="d", path=str(file))], path=file.parent / "s.sqlite3")


def without_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no dataset be read in full from now on."""
    monkeypatch.setattr(known_files, "read_through", None)


def test_a_run_is_continued_without_a_look_at_what_is_done(
    file: Path, store: SqliteRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = ScriptedGenerator(lambda case, _: ValueError("no") if case.input in {"q7", "q300", "q599"} else "a")
    first = run_of(file, generator).run(store=store)
    assert store.count_ends(first.run_id) == (COUNT, 3)
    without_reading(monkeypatch)
    generator.script, generator.calls = (lambda case, _: str(case.input)), []
    progress = RunProgress()
    second = run_of(file, generator).run(store=store, progress=progress)
    assert (second.run_id, store.count_ends(second.run_id)) == (first.run_id, (COUNT, 0))
    assert sorted(case_id for case_id, _ in generator.calls) == ["case-301", "case-600", "case-8"]
    assert (progress.total, progress.done, progress.resumed) == (COUNT, COUNT, COUNT - 3)
    answers = [one.output for one in store.outcomes_between(second.run_id, 0, COUNT) if one.stage is Stage.GENERATE]
    assert [answers[number] for number in (1, 7, 300, 599)] == ['"a"', '"q7"', '"q300"', '"q599"']


@pytest.mark.parametrize("line", [7, 400])
def test_a_file_that_changed_is_another_run(file: Path, store: SqliteRunStore, line: int) -> None:
    first = run_of(file).run(store=store)
    write(file, **{f"q{line}": "x" * len(f"q{line}")})
    again = run_of(file)
    assert again.compiled(store).snapshot.run_id != first.run_id
    assert again.compiled(store).snapshot == run_of(file).compiled().snapshot


@pytest.mark.parametrize("line", [7, 400])
def test_a_file_that_changes_while_the_run_goes_stops_it(
    file: Path, store: SqliteRunStore, monkeypatch: pytest.MonkeyPatch, line: int
) -> None:
    generator = ScriptedGenerator(lambda case, _: ValueError("no") if case.input == "q300" else "a")
    run_of(file, generator).run(store=store)
    without_reading(monkeypatch)
    again = run_of(file, generator)
    again.compiled(store)
    write(file, **{f"q{line}": "changed"})
    with pytest.raises(DatasetChangedError, match=rf"cases\.jsonl:{line + 1}"):
        again.run(store=store)


def test_a_job_knows_the_file_that_was_read_when_it_was_submitted(
    file: Path, store: SqliteRunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run_of(file)
    queued = made.model_copy(update={"runtime": made.runtime.model_copy(update={"queue_root": str(tmp_path / "q")})})
    run_id = submit_experiment(queued).run_id
    without_reading(monkeypatch)
    run_worker_once(queue_root=tmp_path / "q")
    assert store.count_ends(run_id) == (COUNT, 0)


def test_a_store_is_not_made_to_ask_what_it_knows(file: Path, store: SqliteRunStore) -> None:
    assert run_of(file).compiled(store).known_files
    assert not store.is_there


@pytest.mark.parametrize("shard", [(0, 250), (250, 257), (257, COUNT)])
@pytest.mark.parametrize("until", [Stage.GENERATE, Stage.SCORE])
def test_a_shard_has_its_own_cases_that_are_left(
    file: Path, store: SqliteRunStore, shard: tuple[int, int], until: Stage
) -> None:
    generator = ScriptedGenerator(lambda case, _: ValueError("no") if case.input in {"q7", "q300"} else "a")
    run_of(file, generator).run(store=store)
    run = run_of(file, generator).compiled(store)
    done = done_cases(run, store, until, shard)
    left = [number for number in (7, 300) if shard[0] <= number < shard[1]]
    assert (done.count, [work.case_no for work in each_case(run, done)]) == (shard[1] - shard[0] - len(left), left)


def test_cases_that_are_not_done_are_found_in_each_of_several_datasets(tmp_path: Path, store: SqliteRunStore) -> None:
    files = [tmp_path / f"{name}.jsonl" for name in "abc"]
    for file in files:
        write(file)
    made = [DatasetFile(dataset_id=file.stem, path=str(file)) for file in files]
    run = experiment(datasets=made).compiled(store)
    flags = bytearray([1]) * (3 * COUNT)
    wanted = [0, 5, COUNT - 1, COUNT, 2 * COUNT + 1, 3 * COUNT - 1]
    for number in wanted:
        flags[number] = 0
    done = DoneCases(0, 3 * COUNT, flags)
    assert [(work.case_no, work.dataset_no) for work in each_case(run, done)] == [(no, no // COUNT) for no in wanted]
    within = done.within(COUNT + 10, COUNT + 300)
    assert (within.first, within.stop) == (512, 1024)
    assert [work.case_no for work in each_case(run, within)] == [599, 600]
    assert [work.case_no for work in each_case(run, DoneCases(598, 601))] == [598, 599, 600]
    assert [work.case_no for work in each_case(run, done.without({3, COUNT, 9_999}))][:3] == [0, 3, 5]
