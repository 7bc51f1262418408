"""Whatever number, text or shape stands in a file of the queue: the worker comes to the good job behind it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from tests.support.hostile_manifests import hostile
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.queue import Cause, Limits
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.states import ENDED, JobState
from themis.core.submission import run_worker_once, submit_experiment


def _queued(root: Path) -> Iterator[layout.Entry | None]:
    return (layout.parse("queued", path.name) for path in (root / "queued").iterdir())


def _submit_first(here: World, run_id: str) -> tuple[str, Path]:
    job = here.job(run_id, priority=0, tags=("gpu",), distributions={"acme": "1.0"}, limits=Limits(timeout_s=5.0))
    submission = here.queue.submit(job, prepare=lambda: here._make_run(run_id))
    return job.key, submission.path


STRIDES = [pytest.param(7, id="every seventh"), pytest.param(1, id="all", marks=pytest.mark.slow)]


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.not_smoke
def test_no_value_in_a_manifest_keeps_a_worker_from_the_job_behind_it(tmp_path: Path, stride: int) -> None:
    with world(tmp_path) as here:
        pattern_key, path = _submit_first(here, "pattern")
        pattern = pattern_key.encode()
        tried = list(hostile(json.loads(path.read_text())))[::stride]
        path.unlink()
        here.submit("good")
        keys = {}
        for number, (what, text) in enumerate(tried):
            key, path = _submit_first(here, f"victim-{number}")
            good = json.loads(path.read_text())
            # What is the job's own stays so where it was not changed: else nothing but the key would be looked at.
            path.write_bytes(text.replace(pattern, key.encode()).replace(b"pattern", good["run_id"].encode()))
            keys[key] = what
        finished = set()
        while (claim := here.claim(patient=False)) is not None:
            finished.add(claim.row.run_id)
            here.finish(claim)
        assert "good" in finished
        left = {entry.key for entry in _queued(here.queue.path) if entry is not None}
        told = " ".join(here.result.left)
        for key, what in keys.items():
            row = here.store.load(key)
            assert row is not None
            assert row.state in ENDED or (key in left and key in told), what
        here.queue.admin.doctor()


@pytest.mark.not_smoke
@pytest.mark.parametrize("stride", [pytest.param(29, id="a few"), *STRIDES[1:]])
def test_no_value_in_a_payload_keeps_a_worker_from_the_job_behind_it(tmp_path: Path, stride: int) -> None:
    def submit(name: str, priority: int) -> Path:
        experiment = Experiment(
            generation=GenerationConfig(generator="builtin/demo_generator"),
            evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
            storage=StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "themis.sqlite3")}),
            runtime=RuntimeConfig(queue_root=str(tmp_path / "queue"), timeout_s=30.0, max_attempts=1),
            datasets=[Dataset(dataset_id=name, cases=[Case(case_id="a", input="x", expected_output="x")])],
        )
        return submit_experiment(experiment, priority=priority).manifest_path

    first = submit("victim", 0)
    good = json.loads(first.read_text())
    good["payload"].setdefault("config_path", "x.yaml")
    good["payload"].setdefault("import_from", ["/nowhere"])
    tried = [(what, text) for what, text in hostile(good) if what.startswith(("payload", "version"))][::stride]
    submit("good", 9)
    ended = 0
    for what, text in tried:
        queued = next((tmp_path / "queue" / "queued").glob("0-*"), None) or first
        queued.write_bytes(text)
        result = run_worker_once(tmp_path / "queue", version_mismatch="refuse" if "version" in what else "run")
        ended += result is not None
        _send_back(tmp_path, good["key"], queued)
    assert ended >= len(tried) // 2
    while run_worker_once(tmp_path / "queue") is not None:
        pass
    assert len(list((tmp_path / "queue" / "done").iterdir())) >= 1


def _send_back(folder: Path, key: str, path: Path) -> None:
    """Have the job be queued as it was, whatever came of it."""
    with closing(sqlite3.connect(folder / "themis.sqlite3")) as database, database:
        database.execute("UPDATE jobs SET state = 'queued', ready_ns = NULL, failures = 0 WHERE key = ?", (key,))
    for found in (folder / "queue").glob(f"*/*{key}*.json"):
        if found.parent.name in layout.JOB_FOLDERS and found != path:
            found.unlink()
    path.touch()


@pytest.mark.parametrize("error", [OverflowError("int too large"), KeyError("x"), AssertionError(), RecursionError()])
def test_whatever_is_raised_over_one_file_is_that_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with world(tmp_path) as here:
        key, path = _submit_first(here, "victim")
        here.submit("good")
        real = manifest_file.read

        def read(path: str, *, key: str | None) -> manifest_file.Manifest:
            if key == here.job("victim").key:
                raise error
            return real(path, key=key)

        monkeypatch.setattr(manifest_file, "read", read)
        claim = here.claim()
        assert claim is not None
        assert claim.row.run_id == "good"
        row = here.store.load(key)
        assert row is not None
        assert (row.state, row.cause) == (JobState.FAILED, Cause.INVALID_MANIFEST)
        reason = json.loads((here.queue.path / "rejected" / f"{path.name}.reason.json").read_text())
        assert reason["reason"] == "unworkable"
        assert type(error).__name__ in reason["detail"]


def test_a_job_that_cannot_even_be_set_aside_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as here:
        key, path = _submit_first(here, "victim")
        here.submit("good")
        real = type(here.store).load

        def load(store: object, wanted: str) -> object:
            if wanted == key:
                raise OverflowError(wanted)
            return real(here.store, wanted)

        monkeypatch.setattr(type(here.store), "load", load)
        claim = here.claim()
        assert claim is not None
        assert claim.row.run_id == "good"
        assert path.exists()
        assert "nor quarantined" in here.result.left[path.name]
