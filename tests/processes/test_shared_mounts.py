"""Real mounts: a queue's folder seen through FUSE, from two hosts whose locks do not reach each other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_module import model_module
from tests.support.waiting import text_of
from themis.core.files.filesystems import network_filesystem
from themis.core.stores.sqlite import SqliteRunStore

# Counts what it is asked, and hangs the first time.
MODEL = model_module("""
    try:
        (HERE / "began").open("x").close()
    except FileExistsError:
        return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
    (HERE / "pid").write_text(str(os.getpid()))
    time.sleep(5)
    return GenerationResult(candidate_id=case.case_id, final_output="too late")
""")
LEASE_S = 3.0
BINDFS = shutil.which("bindfs")
UNMOUNT = shutil.which("fusermount3") or shutil.which("fusermount") or "fusermount"
UNSHARE = shutil.which("unshare") or "unshare"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts the folder `real` once more, under a name."""
    if BINDFS is None:
        pytest.skip("bindfs is not installed")
    (tmp_path / "real").mkdir(mode=0o700)
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        point = tmp_path / name
        point.mkdir()
        done = subprocess.run(
            [BINDFS, "--no-allow-other", tmp_path / "real", point], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"FUSE cannot be used here: {done.stderr.strip()}")
        mounted.append(point)
        return point

    yield mount
    for point in mounted:
        subprocess.run([UNMOUNT, "-u", point], check=False, capture_output=True)


@pytest.mark.slow
def test_submit_and_worker_run_work_on_a_fuse_mount(mount: Callable[[str], Path], tmp_path: Path) -> None:
    queue = mount("a") / "queue"
    assert network_filesystem(queue), "which was refused before there were leases"
    _write_experiment(tmp_path, "builtin/demo_generator")
    submitted = _document(_themis(tmp_path, "submit", "--config", "experiment.yaml", queue=queue))
    assert Path(submitted["manifest_path"]).parent == queue / "queued"
    assert json.loads((queue / "queue.json").read_text())["shared"] is True
    ran = _document(_themis(tmp_path, "worker", "run", queue=queue))
    assert (ran["run_id"], ran["status"]) == (submitted["run_id"], "completed")
    assert len(list((queue / "done").iterdir())) == 1
    assert _document(_themis(tmp_path, "worker", "run", queue=queue))["status"] == "idle"


@pytest.mark.slow
def test_a_worker_that_is_suspended_on_one_host_is_relieved_by_another_and_fenced(
    mount: Callable[[str], Path], tmp_path: Path
) -> None:
    if subprocess.run([UNSHARE, "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not give a process a host name of its own")
    (tmp_path / "model_of_the_mounts.py").write_text(MODEL)
    _write_experiment(tmp_path, "model_of_the_mounts:Model")
    queues = {host: mount(host) / "queue" for host in ("a", "b")}
    _document(_themis(tmp_path, "submit", "--config", "experiment.yaml", queue=queues["a"]))
    file = queues["a"] / "queue.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lease_s": LEASE_S}))
    slow = _start(tmp_path, "worker", "run", queue=queues["a"], host="a")
    pid = int(text_of(tmp_path / "pid"))
    os.kill(pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    try:
        ran = {"status": "idle"}
        while ran["status"] == "idle" and time.monotonic() < stopped_s + 30:
            ran = _document(_themis(tmp_path, "worker", "run", queue=queues["b"], host="b"))
        assert ran["status"] == "completed"
        assert time.monotonic() - stopped_s > LEASE_S / 2, "it was renewed after a third, so two thirds were left"
    finally:
        os.kill(pid, signal.SIGCONT)
    _, errors = slow.communicate(timeout=60)
    assert slow.returncode == 0, errors
    assert "had lost the job, which is done, attempt 2" in errors
    _assert_one_result(tmp_path, queues["b"])


def _assert_one_result(folder: Path, queue: Path) -> None:
    with closing(SqliteRunStore(folder / "store.sqlite3")) as store:
        (run,) = store.list_runs()
        (row,) = store.jobs.find("")
        attempts = store.jobs.attempts(row.key)
        outputs = {outcome.output for outcome in store.outcomes_between(run.run_id, 0, 2) if outcome.stage == 1}
    assert (row.state, row.attempt, row.lost) == ("done", 2, 1)
    assert [(attempt.cause, attempt.host) for attempt in attempts] == [("worker lost", "a"), ("done", "b")]
    assert "too late" not in str(outputs)
    assert [path.name for path in (queue / "done").iterdir()] == [f"{row.key}.json"]
    assert list((queue / "claimed").iterdir()) == []
    assert '"fenced"' in (queue / "journal" / f"{row.key}.jsonl").read_text()


def _write_experiment(folder: Path, generator: str) -> None:
    case = {"case_id": "one", "input": "1 + 1", "expected_output": "2"}
    document = {
        "generation": {"generator": generator},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite", "parameters": {"path": str(folder / "store.sqlite3")}},
        "datasets": [{"dataset_id": "sums", "cases": [case]}],
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(document))


def _start(folder: Path, *words: str, queue: Path, host: str | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "themis", *words]
    command += ["--set", f"runtime.queue_root={queue}"] if words[0] == "submit" else ["--queue-root", str(queue)]
    if host is not None:
        command = [UNSHARE, "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host, *command]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _themis(folder: Path, *words: str, queue: Path, host: str | None = None) -> str:
    process = _start(folder, *words, queue=queue, host=host)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output


def _document(output: str) -> Any:
    return json.loads(output)
