"""Fork server: what it imports, so that no job has to."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.support import lab
from themis.core.config import RuntimeConfig
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue, this_process
from themis.core.submission import submit_experiment

JOB = """
import sys
from themis.core.engine.run import RunProgress
from themis_workers.children import fork_server, job_process

fork_server.preload()
job_process._report = lambda *_: None
known = set(sys.modules)
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
print(said.cause, *sorted(set(sys.modules) - known))
"""


def test_a_job_of_built_in_components_and_a_built_in_store_imports_nothing_that_is_not_there(tmp_path: Path) -> None:
    experiment = lab.experiment(
        generator="builtin/demo_generator",
        parser="builtin/json_identity",
        path=tmp_path / "runs.sqlite3",
        runtime=RuntimeConfig(queue_root=str(tmp_path / "queue")),
    )
    submit_experiment(experiment, mode="worker_pool")
    with closing(StoreCache()) as stores:
        claim = FileQueue(tmp_path / "queue", stores).claim(this_process()).claim
        assert claim is not None
        command = [sys.executable, "-c", JOB, claim.path, str(claim.row.version)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        claim.abandon()
    assert done.stdout.split() == ["done"], (done.stdout, done.stderr)
