"""Versions travel with a job: those of Python and of what its components import, and a worker says which differ."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installed_packages import forget, install, site_packages
from tests.support.lab import experiment
from themis.core.components.provenance import python_version
from themis.core.config import RuntimeConfig
from themis.core.results import RunStatus
from themis.core.submission import open_queue, run_worker_once, submit_experiment

MODEL = """
import acme_maths
from themis.core.models import GenerationResult

class Model:
    component_id = "{name}"
    version = "1"
    def fingerprint(self): return "1"
    async def generate(self, case, ctx):
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Installed packages: a library whose package has another name than its distribution."""
    with site_packages(tmp_path, monkeypatch) as folder:
        install(folder, "acme-numbers", "1.26.4", {}, {"acme_maths": ""})
        yield folder


def submit(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, **more: Any) -> dict[str, Any]:
    """Submit an experiment whose model is a user's own file; returns the manifest."""
    monkeypatch.syspath_prepend(str(folder))
    (folder / f"{name}.py").write_text(MODEL.format(name=name))
    runtime = RuntimeConfig(queue_root=str(folder / "queue"))
    made = experiment(f"{name}:Model", runtime=runtime, path=folder / "themis.sqlite3", **more)
    found: dict[str, Any] = json.loads(submit_experiment(made).manifest_path.read_text())
    return found


def upgrade(site: Path) -> None:
    """Have the library in another version from now on."""
    (site / "acme_numbers-1.26.4.dist-info").rename(site / "acme_numbers-2.1.0.dist-info")
    metadata = site / "acme_numbers-2.1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.26.4", "2.1.0"))
    forget()


def test_a_job_names_python_and_the_libraries_that_its_components_import(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = submit(tmp_path, monkeypatch, "names_libraries")
    assert written["python"] == python_version()
    assert written["distributions"] == {"acme-numbers": "1.26.4"}


def test_a_shipped_component_names_what_its_results_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = submit(tmp_path, monkeypatch, "plain_model", metrics=["builtin/bleu"])
    assert "sacrebleu" in written["distributions"]


def test_a_worker_with_another_version_says_which_differ_or_leaves_the_job(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = submit(tmp_path, monkeypatch, "meets_others")["key"]
    upgrade(site)
    assert run_worker_once(tmp_path / "queue", version_mismatch="refuse") is None
    caplog.clear()
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    line = f"job {key} was submitted with acme-numbers 1.26.4 (here 2.1.0); it is run anyway"
    assert [record.getMessage() for record in caplog.records if record.name == "themis.worker"] == [line]
    (remark,) = (entry for entry in open_queue(tmp_path / "queue").admin.show(key).journal if entry["move"] == "remark")
    assert remark["why"] == line
