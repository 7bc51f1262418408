"""A kind of store that somebody else wrote: an installed package names it, and every command works with it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shared_file_store import KIND
from themis.cli.main import main
from themis.core.config import StorageConfig
from themis.core.errors import ConfigError, StoreError
from themis.core.stores import create_run_store, registry
from themis.core.stores.reading import StoreLocation

ROOT = Path(__file__).parents[2]
CONFIG = """
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match], parsers: [builtin/json_identity]}
storage: {store: shared-file, parameters: {path: runs/all.json}}
datasets:
- dataset_id: d
  cases: [{case_id: a, input: x, expected_output: x}, {case_id: b, input: y, expected_output: z}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a config file, in a process that found the kind of store as an installed package's."""
    info = tmp_path / "site" / "shared_file_store-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shared-file-store\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[themis.stores]\n{KIND} = tests.support.shared_file_store:build\n")
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.setenv("PYTHONPATH", f"{info.parent}{os.pathsep}{ROOT}")
    monkeypatch.setattr(registry, "_registered", {})
    project = tmp_path / "project"
    project.mkdir()
    (project / "experiment.yaml").write_text(CONFIG)
    monkeypatch.chdir(project)
    _forget()
    yield project
    _forget()


def _forget() -> None:
    for cache in (registry._installed, registry._installed_backend):
        cache.cache_clear()


def _said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    found = main(list(words))
    printed = capsys.readouterr()
    assert found == code, printed.err
    return printed.out


def test_a_job_is_submitted_run_and_shown_with_a_store_of_another_kind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted = json.loads(_said(capsys, "submit", "--config", "experiment.yaml", "--mode", "worker-pool"))
    (row,) = json.loads(_said(capsys, "status", "--json"))
    assert (row["run_id"], row["state"], row["total_cases"]) == (submitted["run_id"], "queued", 2)
    assert json.loads(_said(capsys, "queue", "list", "--json"))["unusable_stores"] == {}
    ended = json.loads(_said(capsys, "worker", "run"))
    assert (ended["run_id"], ended["status"]) == (submitted["run_id"], "completed")
    (row,) = json.loads(_said(capsys, "status", "--json"))
    assert (row["state"], row["completed_cases"], row["metric_means"]) == ("completed", 2, {"builtin/exact_match": 1.0})
    assert json.loads(_said(capsys, "status", "--config", "experiment.yaml", "--json"))[0]["attempt"] == 1
    assert json.loads(_said(capsys, "queue", "show", row["job"], "--json"))["state"] == "done"
    assert json.loads(_said(capsys, "quickcheck", "--config", "experiment.yaml"))["status"] == "completed"
    again = json.loads(_said(capsys, "submit", "--config", "experiment.yaml", "--mode", "worker-pool"))
    assert again["status"] == "completed"


def test_the_doctor_finds_a_store_of_another_kind_well_and_misses_it_when_it_is_gone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _said(capsys, "submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    assert json.loads(_said(capsys, "queue", "doctor", "--json")) == []
    (project / "runs" / "all.json").rename(project / "away.json")
    found = json.loads(_said(capsys, "queue", "doctor", "--json", code=3))
    assert any("is not there" in finding["problem"] and "put it back" in finding["advice"] for finding in found)
    (project / "away.json").rename(project / "runs" / "all.json")
    assert json.loads(_said(capsys, "queue", "doctor", "--json")) == []


def test_a_queue_that_is_moved_with_such_a_store_is_brought_up_to_date(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _said(capsys, "submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    _said(capsys, "queue", "doctor", "--fix", "--moved", "--json")
    assert json.loads(_said(capsys, "worker", "run"))["status"] == "completed"


def test_a_batch_request_is_run_with_a_store_of_another_kind(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submitted = json.loads(_said(capsys, "submit", "--config", "experiment.yaml", "--mode", "batch"))
    ended = json.loads(_said(capsys, "batch", "run", "--request", submitted["manifest_path"]))
    assert ended["status"] == "completed"


@pytest.mark.slow
def test_the_daemon_and_its_jobs_find_a_store_of_another_kind_by_themselves(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _said(capsys, "submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    command = [sys.executable, "-m", "themis", "worker", "start", "--drain", "--slots", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(_said(capsys, "status", "--json"))
    assert (row["state"], row["completed_cases"]) == ("completed", 2)


def test_a_kind_of_store_that_cannot_be_imported_is_said_with_its_name(project: Path, tmp_path: Path) -> None:
    points = tmp_path / "site" / "shared_file_store-1.0.dist-info" / "entry_points.txt"
    points.write_text("[themis.stores]\nbroken = no_such_module:build\n")
    _forget()
    with pytest.raises(ConfigError, match="'broken' is no_such_module:build, which cannot be imported"):
        create_run_store(StorageConfig(store="broken"))
    with pytest.raises(StoreError, match=r"which no package here provides \(entry points themis.stores\)"):
        registry.reader_of(StoreLocation("unknown", "{}"))
