"""A daemon's job with tracing on: it runs in a process of its own, which ends at once, and all of it is sent before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.model_server import ModelServer
from tests.support.otlp_collector import Collector
from tests.support.project_copy import PROJECT
from tests.support.traced_lab import HEADER_KEY, KEY, MODEL, Provider, write
from themis.core.experiment import Experiment
from themis.core.submission import submit_experiment

PASSWORD = "pw-2Rt7Yz9Kq4Lm8Xc5"  # noqa: S105  # made up


@pytest.mark.slow
def test_a_daemons_job_is_traced_and_its_key_for_the_collector_is_found_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job does not name the address with its password, which a worker withholds from jobs that are not traced."""
    monkeypatch.setenv("MODEL_KEY", KEY)
    with Collector() as collector, ModelServer(Provider()) as server:
        config = write(tmp_path, server.openai_url)
        manifest = submit_experiment(Experiment.from_config(config), config_path=str(config), mode="worker_pool")
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "THEMIS_TRACING": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url.replace("//", f"//pool:{PASSWORD}@"),
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={HEADER_KEY}",
            "OTEL_SERVICE_NAME": "pool",
        }
        command = [sys.executable, "-m", "themis", "worker", "start", "--drain", "--queue-root", "runs/queue"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    (of_run,) = collector.named("themis.run")
    assert of_run.attributes["themis.run.id"] == manifest.run_id
    assert len(collector.named("themis.case")) == len(collector.named(f"chat {MODEL}")) == 2
    assert len(collector.events) == 4
    assert collector.points
    assert {headers.get("x-api-key") for headers in collector.headers} == {HEADER_KEY}
    assert collector.resources[0]["service.name"] == "pool"
    sent = b"".join(body for _, body in collector.bodies)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert {headers.get("authorization", "").partition(" ")[0] for headers in collector.headers} == {"Basic"}
    everything = sent + kept + (done.stdout + done.stderr).encode()
    assert [secret for secret in (KEY, HEADER_KEY, PASSWORD) if secret.encode() in everything] == []
