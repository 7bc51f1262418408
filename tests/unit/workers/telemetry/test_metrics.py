"""Prometheus is told the truth: values are read back with its own parser, over real HTTP and from real files."""

import re
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.waiting import until
from themis.core.errors import ConfigError, MissingExtraError
from themis.core.monitor.depth import QueueDepth
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.queue.model.states import Cause, JobState
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall
from themis_workers.telemetry.exporters import MetricsFile, MetricsServer
from themis_workers.telemetry.metrics import WorkerMetrics

NS = 1_000_000_000
DEPTH = QueueDepth(jobs={"queued": 7, "failed": 1}, oldest_s={"queued": 12.5}, rejected=2)
LIMIT = ProviderState(
    'openai:https://x\n"', limit=24, most=100, in_flight=7, waiting=2, why="", processes=3, shared_limit=60
)
Samples = dict[tuple[str, str], float]


def report_of(**facts: Any) -> WorkerReport:
    owner, now_ns = this_process("w"), time.time_ns()
    report = WorkerReport("w", owner.host, owner.boot_id, owner.pid, owner.pid_started, "4", now_ns, now_ns)
    slots = (SlotReport(0, key="k", limits=(LIMIT,)), SlotReport(1))
    return replace(
        report, **{"slots": slots, "claimed": 5, "ended": {"done": 3, "exit code": 1}, "cases": 120, **facts}
    )


def read(text: str) -> Samples:
    """Samples by name and the value of the label that is not `worker`."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("worker") == 'w"1\n'
            place = (sample.name, ",".join(labels.values()))
            assert place not in found
            found[place] = sample.value
    return found


def settle(metrics: WorkerMetrics, state: JobState, cause: Cause) -> None:
    metrics.settled(SimpleNamespace(state=state, cause=str(cause)))  # type: ignore[arg-type]  # all that is read of a row


@pytest.fixture
def metrics() -> WorkerMetrics:
    found = WorkerMetrics('w"1\n', lambda: DEPTH)
    found.heartbeat(report_of())
    return found


@pytest.fixture
def server(metrics: WorkerMetrics) -> Iterator[MetricsServer]:
    found = MetricsServer(metrics, 0)
    yield found
    found.close()


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return str(response.read().decode())


def test_a_scrape_tells_how_the_worker_and_its_queue_are(metrics: WorkerMetrics, server: MetricsServer) -> None:
    settle(metrics, JobState.FAILED, Cause.MEMORY_LIMIT)
    settle(metrics, JobState.QUEUED, Cause.EXIT_CODE)
    settle(metrics, JobState.QUEUED, Cause.WORKER_LOST)
    settle(metrics, JobState.QUEUED, Cause.GIVEN_BACK)
    settle(metrics, JobState.DONE, Cause.DONE)
    metrics.recovered(2)
    found = read(get(server.port))
    expected = {
        ("themis_queue_jobs", "queued"): 7,
        ("themis_queue_jobs", "failed"): 1,
        ("themis_queue_oldest_job_age_seconds", "queued"): 12.5,
        ("themis_queue_rejected_files", ""): 2,
        ("themis_jobs_claimed_total", ""): 5,
        ("themis_attempts_ended_total", "done"): 3,
        ("themis_attempts_ended_total", "exit code"): 1,
        ("themis_attempts_ended_total", "signal"): 0,
        ("themis_attempts_retried_total", ""): 2,
        ("themis_jobs_failed_total", "memory limit"): 1,
        ("themis_jobs_failed_total", "exception"): 0,
        ("themis_orphans_recovered_total", ""): 2,
        ("themis_cases_ended_total", ""): 120,
        ("themis_worker_slots", ""): 2,
        ("themis_worker_slots_busy", ""): 1,
        ("themis_worker_up", ""): 1,
        ("themis_worker_draining", ""): 0,
        ("themis_worker_waiting", ""): 0,
    }
    assert {place: found.get(place) for place in expected} == expected
    assert [value for (name, _), value in found.items() if name == "themis_build_info"] == [1]
    assert ("themis_jobs_failed_total", "done") not in found


def test_the_calls_of_all_slots_are_summed_up_by_provider(metrics: WorkerMetrics, server: MetricsServer) -> None:
    found = read(get(server.port))
    assert (found["themis_provider_limit", LIMIT.provider], found["themis_calls_stalled", ""]) == (24, 0)
    free = ProviderState("vllm:http://y", limit=None, most=None, in_flight=3, waiting=0, why="")
    stalled = StalledCall("q", "d", "generation", "lab/slow", for_s=301.5, others=2)
    slots = (
        SlotReport(0, key="k", limits=(LIMIT, free), stalled=stalled),
        SlotReport(1),
        SlotReport(2, key="l", limits=(replace(LIMIT, limit=0, in_flight=1),), stalled=replace(stalled, others=0)),
        SlotReport(3, key="m", limits=(LIMIT,)),
    )
    metrics.heartbeat(report_of(slots=slots))
    found = read(get(server.port))
    assert found["themis_provider_limit", LIMIT.provider] == 48
    assert found["themis_provider_in_flight", LIMIT.provider] == 15
    assert ("themis_provider_limit", free.provider) not in found
    assert found["themis_provider_in_flight", free.provider] == 3
    assert found["themis_provider_shared_limit", LIMIT.provider] == 60
    assert found["themis_provider_processes", LIMIT.provider] == 3
    assert found["themis_provider_processes", free.provider] == 1
    assert found["themis_calls_stalled", ""] == 4
    metrics.heartbeat(report_of(slots=(SlotReport(0), SlotReport(1))))
    assert [name for name, _ in read(get(server.port)) if name.startswith("themis_provider")] == []


@pytest.mark.parametrize("state", ["draining", "waiting"])
def test_a_state_is_a_gauge_of_its_own(metrics: WorkerMetrics, server: MetricsServer, state: str) -> None:
    metrics.heartbeat(report_of(state=state))
    found = read(get(server.port))
    states = {name: found[f"themis_worker_{name}", ""] for name in ("draining", "waiting")}
    assert states == {"draining": 0, "waiting": 0, state: 1}


def test_a_worker_whose_heart_has_stopped_is_not_up_though_it_answers(
    metrics: WorkerMetrics, server: MetricsServer
) -> None:
    metrics.heartbeat(replace(report_of(), heartbeat_ns=time.time_ns() - 60 * NS))
    assert read(get(server.port))["themis_worker_up", ""] == 0


def test_every_name_follows_the_conventions(metrics: WorkerMetrics, server: MetricsServer) -> None:
    families = list(text_string_to_metric_families(get(server.port)))
    assert {family.type for family in families} == {"gauge", "counter"}
    for family in families:
        assert family.samples
        assert family.name.startswith("themis_")
        assert family.documentation.endswith(".")
        assert family.type in {"gauge", "counter"}
        assert all(sample.name.endswith("_total") == (family.type == "counter") for sample in family.samples)


def test_the_documentation_names_every_metric_and_no_other(metrics: WorkerMetrics, server: MetricsServer) -> None:
    page = (Path(__file__).parents[4] / "docs" / "reference" / "telemetry.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `themis_")]
    named = {name for row in rows for name in re.findall(r"themis_[a-z_]+", row.split("|")[1])}
    assert named == {name for name, _ in read(get(server.port))}


def test_before_its_first_heartbeat_a_worker_is_up_and_its_queue_is_told(server: MetricsServer) -> None:
    metrics = WorkerMetrics('w"1\n', lambda: DEPTH)
    other = MetricsServer(metrics, 0)
    found = read(get(other.port))
    other.close()
    assert found["themis_worker_up", ""] == 1
    assert found["themis_queue_jobs", "queued"] == 7


def test_a_queue_that_cannot_be_read_hides_no_other_metric(metrics: WorkerMetrics) -> None:
    def fail() -> QueueDepth:
        raise PermissionError(13, "Permission denied")

    failing = WorkerMetrics('w"1\n', fail)
    failing.heartbeat(report_of())
    server = MetricsServer(failing, 0)
    found = read(get(server.port))
    server.close()
    assert found["themis_worker_slots", ""] == 2
    assert not [name for name, _ in found if name.startswith("themis_queue")]


def test_many_scrapes_at_once_look_at_the_queue_once_and_never_in_the_workers_thread() -> None:
    lookers = []

    def slow() -> QueueDepth:
        lookers.append(threading.current_thread())
        time.sleep(0.1)
        return DEPTH

    server = MetricsServer(WorkerMetrics('w"1\n', slow), 0)
    assert lookers == []
    scrapes = [threading.Thread(target=get, args=(server.port,)) for _ in range(8)]
    for scrape in scrapes:
        scrape.start()
    for scrape in scrapes:
        scrape.join()
    server.close()
    assert len(lookers) == 1
    assert lookers[0] is not threading.main_thread()


def test_the_port_is_free_after_the_end_and_only_this_machine_was_served(metrics: WorkerMetrics) -> None:
    server = MetricsServer(metrics, 0)
    assert server._server.server_address[0] == "127.0.0.1"
    server.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))
    assert not server._thread.is_alive()


def test_a_scraper_that_hangs_does_not_hold_up_the_end_or_others(metrics: WorkerMetrics) -> None:
    server = MetricsServer(metrics, 0)
    with socket.create_connection(("127.0.0.1", server.port)) as hanging:
        hanging.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert "themis_worker_up" in get(server.port)
        began_s = time.monotonic()
        server.close()
        assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", "x" * 300])
def test_a_place_where_nobody_can_listen_is_said_in_one_line(metrics: WorkerMetrics, address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on {address}:{port}"):
            MetricsServer(metrics, port, address)


def test_without_prometheus_client_the_error_says_what_to_install(
    metrics: WorkerMetrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"--metrics-port needs .* pip install 'themis-eval\[metrics\]'"):
        MetricsServer(metrics, 0)
    with pytest.raises(MissingExtraError, match="--metrics-file"):
        MetricsFile(metrics, tmp_path / "x.prom")


def test_prometheus_client_is_imported_only_when_it_is_asked_for() -> None:
    program = "import sys; import themis_workers.telemetry.exporters; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_metrics_file_is_kept_up_to_date_and_says_at_the_end_that_the_worker_is_down(
    metrics: WorkerMetrics, tmp_path: Path
) -> None:
    path = tmp_path / "themis.prom"
    file = MetricsFile(metrics, path, every_s=0.02)
    metrics.heartbeat(report_of(state="draining"))
    # Never half a file: each one parses.
    until(lambda: read(path.read_text())["themis_worker_draining", ""] == 1, "the file to be fresh", 10, every_s=0.001)
    metrics.heartbeat(replace(report_of(), claimed=6))
    file.close()
    found = read(path.read_text())
    assert (found["themis_worker_up", ""], found["themis_jobs_claimed_total", ""]) == (0, 6)
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444


def test_a_metrics_file_that_cannot_be_written_is_said_at_the_start(metrics: WorkerMetrics, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        MetricsFile(metrics, tmp_path / "nowhere" / "x.prom")


def test_a_metrics_file_that_fails_later_is_complained_about_once(
    metrics: WorkerMetrics, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    file = MetricsFile(metrics, folder / "x.prom", every_s=0.01)
    (folder / "x.prom").unlink()
    folder.rmdir()
    time.sleep(0.2)
    file.close()
    assert [record.getMessage() for record in caplog.records] == ["metrics file cannot be written"]
