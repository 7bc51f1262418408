"""Batches of a provider, as an operator sees them: a job that waits without a slot, what it says, and its end."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import ModelServer, Request
from tests.support.model_server.script import Step

Themis = Any
"""The fixture's class: see conftest."""

HOURS = {"after": "2h", "poll": "1h"}
KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"


class Provider:
    """A scripted server whose batches end when a test says so.

    Attributes:
        asked: the questions that its batches have put to the model.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.server = ModelServer(self._step, batch_s=3600.0)

    def _step(self, request: Request) -> Step:
        if request.batch_id is not None:
            self.asked[request.question] += 1
        return None

    def end_batches(self) -> None:
        """Answer all batches at the next look."""
        for batch in self.server.batches():
            batch.takes_s = 0.0

    def count(self, method: str, end: str) -> int:
        """How many requests came to paths with this end."""
        return sum(one.method == method and one.path.endswith(end) for one in self.server.requests)


@pytest.fixture
def provider(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider, and an `experiment.yaml` that asks it."""
    monkeypatch.setenv("MODEL_KEY", KEY)
    found = Provider()
    with found.server:
        themis.write("experiment.yaml", experiment(themis, found, HOURS))
        yield found


def experiment(themis: Themis, provider: Provider, batch: dict[str, str]) -> dict[str, Any]:
    arguments = {"model_id": "m", "base_url": provider.server.openai_url, "api_key": "env:MODEL_KEY"}
    generation = {"generator": {"use": "openai", "with": arguments}}
    return {**themis.experiment, "generation": generation, "runtime": {"batch": batch}}


def take_up(themis: Themis, key: str) -> Any:
    """End the waiting of a job and let a worker take it."""
    themis("queue", "set", key, "--not-before", "now")
    return themis("worker", "run", "--quiet").document


def test_a_job_waits_for_its_batch_says_what_the_provider_says_and_is_charged_nothing(
    themis: Themis, provider: Provider
) -> None:
    key, _ = themis.submit()
    assert themis("worker", "run", "--quiet").document["status"] == "pending"
    (waiting,) = Path("runs/queue/waiting").iterdir()
    assert waiting.stem.endswith(key)
    assert themis("worker", "run", "--quiet").document == {"status": "idle"}
    shown = themis("queue", "show", key).out
    assert "batch_1 with 2 questions was submitted" in shown
    assert "for 1 h 59 min more" in shown or "for 2 h 0 min more" in shown
    assert take_up(themis, key)["status"] == "pending"
    job = themis("queue", "show", key, "--json").document
    assert "batch_1 in_progress 0 of 2" in job["why"]
    assert [reason["word"] for reason in job["reasons"]] == ["batch"]
    assert (job["attempt"], job["failures"], job["lost"], job["cause"]) == (2, 0, 0, "batch")
    assert 3500 < job["ready_ns"] / 1e9 - time.time() <= 3600
    assert themis("status", "--json").document[0]["state"] == "waiting"
    shown = themis("queue", "show", key).out
    assert "in_progress 0 of 2 (look 2)" in shown
    assert len([line for line in shown.splitlines() if "  batch  " in line]) == 1
    provider.end_batches()
    done = take_up(themis, key)
    assert (done["status"], done["completed_cases"]) == ("completed", 2)
    assert provider.asked == Counter({"1 + 1": 1, "2 + 2": 1})
    job = themis("queue", "show", key, "--json").document
    assert (job["state"], [attempt["cause"] for attempt in job["attempts"]]) == ("done", ["batch", "batch", "done"])


def test_a_cancelled_job_cancels_its_batch_and_a_retry_sends_the_rest(themis: Themis, provider: Provider) -> None:
    key, _ = themis.submit()
    themis("worker", "run", "--quiet")
    cancelled = themis("queue", "cancel", key)
    assert cancelled.document["state"] == "cancelled"
    assert f"job {key}: batch batch_1 of openai:{provider.server.openai_url} was asked to end" in cancelled.err
    assert provider.count("POST", "/batch_1/cancel") == 1
    again = themis("queue", "cancel", key)
    assert "was asked to end" not in again.err
    themis("queue", "retry", key)
    assert themis("worker", "run", "--quiet").document["status"] == "pending"
    assert not provider.asked
    provider.end_batches()
    assert take_up(themis, key)["status"] == "completed"
    assert provider.asked == Counter({"1 + 1": 1, "2 + 2": 1})
    assert provider.count("POST", "/batches") == 2


def test_a_batch_that_cannot_be_cancelled_is_named_and_the_job_is_cancelled(
    themis: Themis, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = themis.submit()
    themis("worker", "run", "--quiet")
    monkeypatch.delenv("MODEL_KEY")
    cancelled = themis("queue", "cancel", "--all", "--yes")
    assert (cancelled.code, cancelled.document["jobs"][0]["state"]) == (0, "cancelled")
    assert f"job {key}: its batches could not be cancelled, if it has any: " in cancelled.err
    assert "MODEL_KEY" in cancelled.err
    assert provider.count("POST", "/cancel") == 0


@pytest.mark.parametrize("command", ["run", "submit", "config validate"])
def test_a_generator_without_batches_is_refused_by_its_name(themis: Themis, command: str) -> None:
    themis.write("experiment.yaml", {**themis.experiment, "runtime": {"batch": {}}})
    mode = ["--mode", "worker-pool"] if command == "submit" else []
    done = themis(*command.split(), "--config", "experiment.yaml", *mode)
    assert done.code == 2
    assert "runtime.batch: builtin/demo_generator has no batch endpoint; remove runtime.batch" in done.err
    assert "Traceback" not in done.err


def test_a_time_that_cannot_be_is_refused_with_its_line(themis: Themis) -> None:
    themis.write("experiment.yaml", {**themis.experiment, "runtime": {"batch": {"after": "soon"}}})
    done = themis("config", "validate", "--config", "experiment.yaml")
    assert done.code == 2
    assert "runtime.batch.after" in done.err
    assert "'soon' is not a duration: write seconds, or 90s, 10m, 2h30m" in done.err


@pytest.mark.slow
def test_a_daemon_with_one_slot_runs_other_jobs_while_a_batch_is_waited_for(themis: Themis, provider: Provider) -> None:
    themis.write("experiment.yaml", experiment(themis, provider, {"after": "1s", "poll": "1s"}))
    slow, _ = themis.submit()
    worker = subprocess.Popen(
        [sys.executable, "-m", "themis", "worker", "start", "--slots", "1", "--max-jobs", "50"],
        env={**os.environ, "MODEL_KEY": KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_state(themis, slow, lambda job: job["attempt"] >= 2 and job["cause"] == "batch")
        quick = themis.write("quick.yaml", themis.experiment)
        key = Path(themis("submit", "--config", quick, "--mode", "worker-pool").document["manifest_path"]).stem[-16:]
        until_state(themis, key, lambda job: job["state"] == "done")
        assert themis("queue", "show", slow, "--json").document["state"] in {"queued", "running"}
        provider.end_batches()
        job = until_state(themis, slow, lambda job: job["state"] == "done")
    finally:
        worker.terminate()
        worker.wait(timeout=30)
    assert (job["failures"], job["lost"]) == (0, 0)
    assert provider.asked == Counter({"1 + 1": 1, "2 + 2": 1})
    log = "".join(path.read_text() for path in Path("runs/queue/logs", slow).iterdir())
    assert KEY not in log
    assert "batch_1 in_progress" in log


def until_state(themis: Themis, key: str, is_reached: Any) -> dict[str, Any]:
    """The job, once something is true of it."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        job: dict[str, Any] = json.loads(themis("queue", "show", key, "--json").out)
        if is_reached(job):
            return job
        time.sleep(0.2)
    raise TimeoutError(job)
