"""A provider that repeats the keys it was sent, and a run with every feature on: no key is found anywhere."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.support.model_server import Answer, Behaviour, ModelServer, Request
from tests.support.model_server.failures import echoed_key
from tests.support.waiting import until
from tests.support.web_server import Server, answer

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
HEADER = "gw-9f3Kx27PqLs64ZtVbN18mHyW"
HOOK_TOKEN = "hk-6Tn3Wz9Rb7Xq2Mf5Lc8Vd4Kp"  # noqa: S105  # made up
SECRETS = {"MODEL_KEY": KEY, "GATEWAY_TOKEN": HEADER, "HOOK_TOKEN": HOOK_TOKEN}
FORMS = [form for secret in SECRETS.values() for form in (secret, secret[:18], secret[-18:])]

HOOK = """
import os, sys
sys.stdout.write(sys.stdin.read() + os.environ["THEMIS_REASON"] + os.environ["HOOK_TOKEN"])
open(sys.argv[1], "a").write(" ".join(sys.argv) + os.environ["THEMIS_REASON"])
"""
CASES = 12
PATIENCE_S = 90.0

pytestmark = pytest.mark.slow


def indiscreet(request: Request) -> Any:
    """Shows what it was sent, in each way; the same question gets the same of them."""
    shown = f"your key is {request.key}, your token {request.headers.get('x-gateway')}"
    ways: list[Any] = [
        Answer(shown),
        Answer(f"4 {shown}", reasoning=shown, served_model=f"m-{request.key}", extra={"debug": {"sent": shown}}),
        Behaviour(
            reply=Answer("4", finish=f"stopped by {request.key}"), headers={"x-seen": shown, "x-request-id": shown}
        ),
        echoed_key(request),
        Answer(None, refusal=shown),
    ]
    return ways[int(request.question) % len(ways)]


@dataclass
class Lab:
    """A folder, the commands that were run in it, and all command lines that were seen meanwhile.

    Attributes:
        codes: the exit codes, by command line.
        seen: the arguments of processes.
    """

    folder: Path
    url: str
    codes: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **SECRETS, "PYTHONDONTWRITEBYTECODE": "1", "THEMIS_DEBUG": "1"}

    def write(self, name: str, use: str, **more: Any) -> None:
        arguments = {
            "model_id": "m",
            "base_url": self.url if use == "anthropic" else f"{self.url}/v1",
            "api_key": "env:MODEL_KEY",
            "extra_headers": {"x-gateway": "${GATEWAY_TOKEN}"},
            **more,
        }
        cases = [{"case_id": f"c{number}", "input": str(number), "expected_output": "4"} for number in range(CASES)]
        document = {
            "generation": {"generator": {"use": use, "with": arguments}},
            "evaluation": {"metrics": ["builtin/exact_match"], "parsers": ["builtin/text"]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": name, "cases": cases}],
            "runtime": {"max_concurrent_tasks": 2, "max_attempts": 1, "generation_retry_delay": 0.02},
        }
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(document))

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        number = len(self.codes)
        self.codes[" ".join(words)] = -1
        with (self.folder / f"{number}.out").open("wb") as out, (self.folder / f"{number}.err").open("wb") as err:
            command = [sys.executable, "-m", "themis", *words]
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=err)

    def themis(self, *words: str) -> str:
        """Run a command to its end, and return what it printed."""
        number = len(self.codes)
        with self.start(*words) as process:
            self.codes[" ".join(words)] = process.wait(PATIENCE_S)
        return (self.folder / f"{number}.out").read_text()

    def watch_arguments(self, stop: threading.Event) -> None:
        """Remember the arguments of every process below this one, as `ps` shows them."""
        me = psutil.Process()
        while not stop.wait(0.05):
            for process in me.children(recursive=True):
                with suppress(psutil.Error):
                    self.seen.add(" ".join(process.cmdline()))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with ModelServer(indiscreet) as server:
        made, stop = Lab(tmp_path, server.base_url), threading.Event()
        watching = threading.Thread(target=made.watch_arguments, args=(stop,))
        watching.start()
        yield made
        stop.set()
        watching.join()


@pytest.fixture
def webhook() -> Iterator[Server]:
    with Server(answer(200)) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        made.shutdown()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scraped(port: int) -> bytes:
    """What the worker serves of metrics; empty as long as it serves none."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        found: bytes = reply.read()
        return found
    return b""


def test_no_key_is_found_after_runs_with_every_feature_on(
    lab: Lab, webhook: Server, tmp_path: Path, short: bool
) -> None:
    (tmp_path / "hook.py").write_text(HOOK)
    lab.write("streamed", "openai", stream=True, api_mode="responses")
    lab.write("whole", "openai", params={"temperature": 0.5})
    lab.write("thinking", "anthropic", extra_body={"service_tier": "auto"})
    names = ["streamed"] if short else ["streamed", "whole", "thinking"]
    submitted = [json.loads(lab.themis("submit", "--config", f"{name}.yaml")) for name in names]
    keys = [Path(one["manifest_path"]).stem.rpartition("-")[2] for one in submitted]
    port = free_port()
    hook = ("--hook", f"{sys.executable} hook.py told", "--webhook", f"{webhook.url}/?token=${{HOOK_TOKEN}}")
    counted = ("--metrics-port", str(port), "--metrics-file", "m.prom", "--health-file", "health")
    with lab.start("worker", "start", "--max-idle", "4", "--log-format", "json", *hook, *counted) as worker:
        until(lambda: scraped(port) != b"", "metrics to be served", PATIENCE_S)
        lab.themis("worker", "list")
        until(lambda: len(webhook.seen) == len(names), "the jobs to end", PATIENCE_S)
        (tmp_path / "scraped").write_bytes(scraped(port))
        assert worker.wait(PATIENCE_S) == 0
    inspections: list[tuple[str, ...]] = [("inspect", "snapshot"), ("inspect", "state")]
    inspections += [("quickcheck",), ("model", "check"), ("run",)]
    looks: list[tuple[str, ...]] = [("status",), ("queue", "list"), ("queue", "doctor")]
    for name in names:
        config = ("--config", f"{name}.yaml")
        for form in ("markdown",) if short else ("json", "markdown", "csv", "latex"):
            lab.themis("report", *config, "--format", form)
        for words in inspections:
            lab.themis(*words, *config)
    for words in [*looks, ("config", "show", "--config", "whole.yaml")]:
        lab.themis(*words)
    for key in keys:
        lab.themis("queue", "show", key)
        lab.themis("queue", "logs", key)
    model = ("--model", "openai/m", "--base-url", f"{lab.url}/v1", "--api-key", "env:MODEL_KEY")
    for question in (0, 3) if short else range(5):
        lab.themis("quick-eval", "inline", "--input", str(question), "--expected-output", "4", *model)
    check_that_no_key_is_found(lab, webhook)


def check_that_no_key_is_found(lab: Lab, webhook: Server) -> None:
    tmp_path = lab.folder
    (tmp_path / "posted").write_bytes(b"\n".join(body for _, _, _, body in webhook.seen))
    (tmp_path / "arguments").write_text("\n".join(sorted(lab.seen)))
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = [(path.name, form) for path, data in files.items() for form in FORMS if form.encode() in data]
    commands = dict(enumerate(lab.codes))
    assert found == [], commands
    # All of it was there, or this would show nothing.
    assert [code for code in lab.codes.values() if code not in {-1, 0, 2, 3, 4}] == []
    shown = {path.name for path, data in files.items() if b"[secret MODEL_KEY]" in data}
    assert "themis.sqlite3" in shown
    assert sum(name.endswith(".out") for name in shown) >= 4
    assert sum(name.endswith(".err") for name in shown) >= 2
    assert [code for words, code in lab.codes.items() if words.startswith(("queue show", "queue logs")) and code] == []
    assert any("themis worker start" in line for line in lab.seen)
    assert any(line.endswith("--api-key env:MODEL_KEY") for line in lab.seen)
    assert b"themis_" in files[tmp_path / "scraped"]
    assert (tmp_path / "told").exists()
