"""Fork server: what it imports, so that no job has to; and what a job then still does."""

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from tests.support import lab
from themis.core.config import RuntimeConfig
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue, this_process
from themis.core.submission import submit_experiment

JOB = """
import json
import sqlite3
import sys
import threading
from themis.core.engine.run_options import RunProgress
from themis_workers.children import job_process
from themis_workers.preloading import preload

preload()
job_process._report = lambda *_: None
known = set(sys.modules)
began, connect, start = [], sqlite3.connect, threading.Thread.start
sqlite3.connect = lambda *given, **named: began.append("connection") or connect(*given, **named)
threading.Thread.start = lambda thread: began.append(thread.name) or start(thread)
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.model import manifest_file
from themis_workers.messages import RunJob

with open(sys.argv[1], "rb") as file:
    data = file.read()
manifest = manifest_file.decode(data, "m", key=None)
order = RunJob(manifest.key, int(sys.argv[2]), data.decode(), "/dev/null", 1_024)
stores = StoreCache()
said = job_process._run(manifest, order, stores, RunProgress())
stores.close()
print(json.dumps({
    "cause": said.cause, "imported": sorted(set(sys.modules) - known), "began": began, "filelock": "filelock" in known,
}))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A job of one case as its process runs it: its cause, the modules it imported, and what it began."""
    folder = tmp_path_factory.mktemp("job")
    experiment = lab.experiment(
        generator="builtin/demo_generator",
        parser="builtin/json_identity",
        path=folder / "runs.sqlite3",
        runtime=RuntimeConfig(queue_root=str(folder / "queue")),
    )
    submit_experiment(experiment, mode="worker_pool")
    with closing(StoreCache()) as stores:
        claim = FileQueue(folder / "queue", stores).claim(this_process()).claim
        assert claim is not None
        command = [sys.executable, "-c", JOB, claim.path, str(claim.row.version)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        claim.abandon()
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["cause"] == "done", ended.stderr
    return found


@pytest.mark.not_smoke
def test_a_job_of_built_in_components_and_a_built_in_store_imports_nothing_that_is_not_there(
    done: dict[str, Any],
) -> None:
    assert done["imported"] == []


@pytest.mark.not_smoke
def test_no_job_pays_for_what_only_a_worker_needs(done: dict[str, Any]) -> None:
    assert not done["filelock"], "its hooks run at every fork"


@pytest.mark.not_smoke
def test_a_short_job_opens_its_store_once_and_starts_no_thread_but_that_of_the_event_loop(done: dict[str, Any]) -> None:
    assert done["began"] == ["themis-loop", "connection"]
