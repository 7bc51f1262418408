"""An operator sets a provider's limit while real processes ask it: the server sees it, and so does he."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes.worker_world import REPOSITORY, World
from tests.support.model_server.process import ServerProcess, model_server_process
from tests.support.waiting import until
from themis.cli.main import main
from themis.core.experiment import Experiment
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.holder import SILENT_S
from themis.core.submission import submit_experiment

pytestmark = pytest.mark.slow

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
AT_ONCE = 12
MANY = 40_000

STALLING = """
import asyncio
from themis.core.engine import stalled_calls
from themis.core.models import GenerationResult

stalled_calls.STALLED_S = stalled_calls.UNKNOWN_S = 0.5

class Stalling:
    component_id, version, provider_key = "lab/stalling", "1", "lab:https://ann:hunter2pass@x/v1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        await asyncio.sleep(600 if case.input == "stall" else 0.05)
        return GenerationResult(candidate_id=case.case_id, final_output="well")
"""

Themis = Callable[..., Any]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    return tmp_path / "limits"


@pytest.fixture
def themis(capsys: pytest.CaptureFixture[str]) -> Themis:
    """A command that prints JSON."""

    def call(*words: str) -> Any:
        assert main(list(words)) == 0
        return json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with model_server_process("--latency-ms", "50", "--bare") as found:
        yield found


@contextlib.contextmanager
def asking(server: ServerProcess, folder: Path, name: str) -> Iterator["subprocess.Popen[str]"]:
    """A run of very many cases, in a process of its own."""
    arguments = {"model_id": "m", "base_url": server.openai_url, "api_key": "env:LAB_KEY"}
    document = {
        "generation": {"generator": {"use": "openai", "with": arguments}},
        "evaluation": {},
        "storage": {"store": "sqlite"},
        "runtime": {"max_concurrent_tasks": AT_ONCE},
        "datasets": [{"dataset_id": name, "path": "cases.jsonl"}],
    }
    home = folder / name
    home.mkdir()
    cases = "".join(f'{{"case_id": "{number}", "input": "q"}}\n' for number in range(MANY))
    (home / "cases.jsonl").write_text(cases, encoding="utf-8")
    (home / "experiment.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    command = [sys.executable, "-m", "themis", "run", "--quiet", "--config", str(home / "experiment.yaml")]
    environment = {**os.environ, "LAB_KEY": KEY, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, cwd=home, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def everything_in(folder: Path) -> str:
    return "".join(path.name + path.read_text(encoding="utf-8", errors="replace") for path in folder.iterdir())


def at_once(server: ServerProcess, from_s: float) -> int:
    """The most requests that were served at once among those that came since then."""
    return max((int(one["in_flight"]) for one in server.requests() if one["arrived_s"] >= from_s), default=0)


def most_becomes(server: ServerProcess, above: int, up_to: int) -> bool:
    """Whether the server comes to serve so many requests at once, and then no more for a second."""

    def most_in(seconds: float) -> int:
        began_s = time.monotonic()
        time.sleep(seconds)
        return at_once(server, began_s)

    until(lambda: above < most_in(0.5) <= up_to, f"{above} to {up_to} at once")
    return most_in(1.0) <= up_to


def test_what_is_set_between_two_processes_is_what_the_server_sees(
    server: ServerProcess, themis: Themis, tmp_path: Path, folder: Path, *, short: bool
) -> None:
    name = f"openai:{server.openai_url}"

    def holders() -> list[Any]:
        return [process for one in themis("limits", "list")["providers"] for process in one["processes"]]

    def is_listed_as_set() -> bool:
        (one,) = themis("limits", "list")["providers"]
        return bool(one["in_flight"] <= 3 and 0 < one["waiting"] <= 2 * AT_ONCE - one["in_flight"])

    with asking(server, tmp_path, "one") as first, asking(server, tmp_path, "two") as second:
        until(lambda: len(holders()) == 2, "both to ask", every_s=0.2)
        assert {process["pid"] for process in holders()} == {first.pid, second.pid}
        assert most_becomes(server, AT_ONCE, 2 * AT_ONCE)
        found = themis("limits", "set", name, "--max-concurrent", "3")
        assert len(found["processes"]) == 2
        assert most_becomes(server, 0, 3), "of both together"
        (listed,) = themis("limits", "list")["providers"]
        assert (listed["limit"], [process["why"] for process in listed["processes"]]) == (
            3,
            ["set by themis limits"] * 2,
        )
        until(is_listed_as_set, "two reports that were written at nearly the same moment", every_s=0.2)
        assert [process["processes"] for process in listed["processes"]] == [2, 2]
        assert sum(one["granted"] for one in listed["shared"][0]["holders"]) <= 3
        if not short:
            themis("limits", "set", name, "--max-concurrent", "8")
            assert most_becomes(server, 3, 8)
            themis("limits", "set", name, "--max-concurrent", "100")
            assert most_becomes(server, 8, 2 * AT_ONCE), "but not beyond what the configuration allows"
            themis("limits", "set", name, "--max-concurrent", "3")
        first.kill()
        first.wait()
        assert [process["pid"] for process in holders()] == [second.pid], "who was killed is gone at once"
        assert most_becomes(server, 0, 3)
        assert KEY not in everything_in(folder)
        second.send_signal(signal.SIGINT)
        assert second.wait(30) == 130
        assert second.stderr is not None
        assert "Traceback" not in second.stderr.read()
    (left,) = themis("limits", "list")["providers"]
    assert (left["processes"], left["max_concurrent"]) == ([], 3)


@pytest.mark.parametrize("isolation", ["auto", "group"])
def test_a_job_of_a_worker_is_seen_and_set_and_its_stalled_call_is_named(
    isolation: str, themis: Themis, tmp_path: Path, folder: Path
) -> None:
    world = World(tmp_path)
    (tmp_path / "stalling.py").write_text(STALLING, encoding="utf-8")
    cases = [{"case_id": f"c{no}", "input": "stall" if no == 7 else "q"} for no in range(2_000)]
    document = {
        "generation": {"generator": "stalling:Stalling"},
        "evaluation": {},
        "storage": {"store": "sqlite", "parameters": {"path": str(world.store_path)}},
        "runtime": {"queue_root": str(world.queue_root), "max_concurrent_tasks": AT_ONCE},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    config = tmp_path / "stalling.yaml"
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    manifest = submit_experiment(Experiment.from_config(config), config_path=str(config), mode="worker_pool")
    key, place = manifest.manifest_path.stem.rpartition("-")[2], ("--queue-root", str(world.queue_root))
    metrics = tmp_path / "metrics.prom"

    def stalled() -> Any:
        return themis("queue", "show", key, "--json", *place)["stalled"]

    def asks() -> Any:
        return themis("limits", "list")["providers"][0]["processes"]

    def limit() -> str | None:
        limits = themis("queue", "show", key, "--json", *place)["limits"]
        return limits[0]["why"] if limits else None

    with world.daemon("--isolation", isolation, "--metrics-file", str(metrics)) as daemon:
        until(stalled, "the call to have stalled", every_s=0.2)
        found = stalled()
        assert (found["case_id"], found["stage"], found["component"]) == ("c7", "generation", "lab/stalling")
        assert themis("status", manifest.run_id, "--json", *place)["stalled"]["case_id"] == "c7"
        (slot,) = themis("worker", "list", "--json", *place)["workers"][0]["slots"]
        assert slot["stalled"]["for_s"] > 0.5
        assert slot["limits"][0]["provider"] == "lab:https://***@x/v1"
        themis("limits", "set", "lab:https://***@x/v1", "--max-concurrent", "2")
        until(lambda: limit() == "set by themis limits", "the limit to be followed", every_s=0.2)
        assert [(process["limit"], process["most"]) for process in asks()] == [(2, 2)]
        text = 'themis_provider_limit{provider="lab:https://***@x/v1",'
        until(lambda: metrics.exists() and text in metrics.read_text(), "the metrics", every_s=0.2)
        assert "hunter2" not in metrics.read_text(encoding="utf-8") + everything_in(folder)
        daemon.kill()
        daemon.wait()
    patience_s = SILENT_S + 5.0
    until(
        lambda: not themis("limits", "list")["providers"][0]["processes"], "the job to be gone", patience_s, every_s=0.2
    )
    assert themis("queue", "show", key, "--json", *place)["stalled"] is None
