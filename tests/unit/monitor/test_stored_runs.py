"""Runs read from their rows, without the engine."""

import subprocess
import sys
from pathlib import Path

import pytest

from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.errors import StoreCorruptError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.monitor.runs import StoredRuns
from themis.core.monitor.stores import stores_of
from themis.core.stores.reading import StoreLocation
from themis.core.stores.sql.run_statements import INSERT_RUN
from themis.core.stores.sqlite import SqliteRunStore

LIGHT = """
import sys
from themis.cli.main import main
main(sys.argv[1:])
print("loaded:", *sys.modules, file=sys.stderr)
"""


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    experiment = Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(path)}),
        datasets=[Dataset(dataset_id="d", cases=[Case(case_id="a", input="x", expected_output="x")])],
    )
    run_id = experiment.run().run_id
    rows = StoredRuns(StoreLocation("sqlite", str(path)))
    (found,) = rows.find(run_id[:8], 10)
    assert (found.run_id, found.status, found.done, found.failed, found.total) == (run_id, "completed", 1, 0, 1)
    (summary,) = found.metrics.values()
    assert (list(found.metrics), summary.mean, summary.total) == (["builtin/exact_match"], 1.0, 1)
    assert found.job is None
    assert list(rows.find("%", 10)) == list(rows.find("", 10))
    rows.close()


def test_very_many_runs_are_read_a_page_at_a_time_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.core.monitor.runs.PAGE_RUNS", 3)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.initialize()
    ids = [f"{number:064x}" for number in range(10)]
    with store.transaction() as connection:
        for run_id in ids:
            connection.execute(INSERT_RUN, (run_id, "pending", 1, "", 0))
    store.close()
    rows = StoredRuns(StoreLocation("sqlite", str(store.path)))
    assert [row.run_id for row in rows.find("", None)] == ids[::-1]
    assert [row.run_id for row in rows.find("", 4)] == ids[:5:-1]
    rows.close()


def test_a_file_of_another_application_is_refused_as_the_store_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    path.write_bytes(b"no database, but long enough to be taken for a torn one" * 20)
    with pytest.raises(StoreCorruptError):
        StoredRuns(StoreLocation("sqlite", str(path)))


def test_a_queue_that_is_not_there_has_the_store_beside_it(tmp_path: Path) -> None:
    assert stores_of(tmp_path / "queue") == []
    (tmp_path / "themis.sqlite3").touch()
    assert stores_of(tmp_path / "queue") == [StoreLocation("sqlite", str(tmp_path / "themis.sqlite3"))]


@pytest.mark.few(1)
@pytest.mark.parametrize("words", [["status"], ["queue", "list"]])
def test_looking_imports_neither_the_models_nor_the_engine(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *words], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stderr.rpartition("loaded:")[2].split())
    assert "themis.core.queue.model.layout" in loaded
    assert not {"pydantic", "yaml", "rich", "asyncio", "filelock", "themis.core.experiment"} & loaded
