import asyncio
import json
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.lab import dataset
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.errors import QueueRootError
from themis.core.experiment import Experiment
from themis.core.queue import this_process
from themis.core.queue.folder import root
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.worker_report import WorkerReport
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.submission import open_queue, run_worker_once, submit_experiment


def test_a_lease_is_due_after_a_third_of_it_and_over_after_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    lease = Lease(60.0, 100.0)
    assert (lease.renew_at_s, lease.milliseconds) == (120.0, 60_000)
    for now_s, is_due, is_over in (  # noqa: B007  # the clock reads the time
        (119.9, False, False),
        (120.0, True, False),
        (159.9, True, False),
        (160.0, True, True),
    ):
        assert (lease.is_due, lease.is_over) == (is_due, is_over)
    lease.renewed(150.0)
    assert (lease.is_due, lease.is_over, lease.renew_at_s) == (False, False, 170.0)


# --- in a worker


def _experiment(folder: Path, generator: str) -> Experiment:
    return Experiment(
        generation=GenerationConfig(generator=generator),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "store.sqlite3")}),
        runtime=RuntimeConfig(queue_root=str(folder / "queue")),
        datasets=[dataset(1)],
    )


class SlowGenerator:
    """Never answers, and meanwhile has what `meanwhile` says happen."""

    component_id = "test/slow"
    version = "1"
    meanwhile = staticmethod(lambda: None)
    blocks = False

    def fingerprint(self) -> str:
        return "slow"

    async def generate(self, case: object, ctx: object) -> object:
        type(self).meanwhile()
        if self.blocks:
            time.sleep(1.2)  # noqa: ASYNC251  # what a badly written component does
        else:
            await asyncio.sleep(30.0)
        msg = "was not stopped"
        raise AssertionError(msg)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose queue is shared, with the shortest lease there is."""
    monkeypatch.setattr(root, "network_filesystem", lambda path: "nfs4" if str(path).endswith("queue") else None)
    monkeypatch.setattr(root, "LEASE_S", 1.0)
    return tmp_path


def test_a_worker_runs_a_job_of_a_shared_queue_to_its_end(shared: Path) -> None:
    submit_experiment(_experiment(shared, "builtin/demo_generator"))
    result = run_worker_once(shared / "queue")
    assert result is not None
    assert result.status.value == "completed"
    assert run_worker_once(shared / "queue") is None


@pytest.mark.parametrize("blocks", [False, True], ids=["gives way", "keeps the loop busy"])
@pytest.mark.not_smoke
def test_a_run_whose_lease_was_lost_is_stopped_and_says_so(
    shared: Path, blocks: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    submit_experiment(_experiment(shared, f"{__name__}:SlowGenerator"))

    def taken_by_another() -> None:
        store = SqliteRunStore(shared / "store.sqlite3")
        with store.transaction() as connection:
            connection.execute("UPDATE jobs SET version = version + 10 WHERE state = 'running'")
        store.close()

    monkeypatch.setattr(SlowGenerator, "meanwhile", staticmethod(taken_by_another))
    monkeypatch.setattr(SlowGenerator, "blocks", blocks)
    began = time.monotonic()
    run_worker_once(shared / "queue")
    assert time.monotonic() - began < 10
    queue = open_queue(shared / "queue")
    (job,) = queue.admin.list_jobs(("claimed",))
    details = queue.admin.show(job.key)
    assert (details.row.state, details.attempts) == ("running", []), "nothing was written for the attempt"
    assert [line["move"] for line in details.journal].count("fenced") == 1
    assert [record for record in caplog.records if "had lost the job" in record.getMessage()]
    assert not any(thread.name == "themis-lease" for thread in threading.enumerate())


@pytest.mark.not_smoke
def test_a_worker_keeps_its_lease_while_a_component_keeps_the_loop_busy(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_experiment(_experiment(shared, f"{__name__}:SlowGenerator"))
    leases = set()

    def look() -> None:
        store = SqliteRunStore(shared / "store.sqlite3")
        for _ in range(12):
            time.sleep(0.1)
            (job,) = open_queue(shared / "queue").admin.list_jobs(("claimed",))
            row = store.jobs.load(job.key)
            assert row is not None
            assert row.lease_until_ms is not None
            assert row.lease_until_ms > store.jobs.clock_ms(), "it ran out"
            leases.add(row.lease_until_ms)
        store.close()

    monkeypatch.setattr(SlowGenerator, "meanwhile", staticmethod(look))
    monkeypatch.setattr(SlowGenerator, "blocks", True)
    result = run_worker_once(shared / "queue")
    assert result is not None
    assert len(leases) >= 3


def test_a_worker_on_a_second_machine_of_the_same_name_is_refused_before_it_claims(shared: Path) -> None:
    submit_experiment(_experiment(shared, "builtin/demo_generator"))
    here, now_ns = this_process("other"), time.time_ns()
    other = WorkerReport("other", here.host, "another", here.pid, here.pid_started, "4", now_ns, now_ns)
    (shared / "queue" / "workers" / "other.json").write_text(json.dumps(asdict(other)))
    with pytest.raises(QueueRootError, match="worker other"):
        run_worker_once(shared / "queue")
    assert open_queue(shared / "queue").admin.counts()["queued"] == 1
