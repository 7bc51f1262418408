"""Runs on a data set of a hub: its commit decides, and what was downloaded once needs no hub."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_server import GATED, Hub, hub_server

pytestmark = pytest.mark.slow

CARD = b"""---
configs:
- config_name: a
  data_files:
  - {split: test, path: a/test.jsonl}
  - {split: train, path: a/train.jsonl}
---
"""
CONFIG = """
generation:
  generator: builtin/demo_generator
  prompt: {few_shot: {split: train, k: 1}}
evaluation: {metrics: [builtin/exact_match]}
datasets:
  - dataset_id: d
    huggingface: {name: org/set, split: test}
    fields: {input: q, expected_output: a}
"""


def files(answer: str) -> dict[str, bytes]:
    lines = [json.dumps({"q": f"q{number}", "a": answer}).encode() for number in range(4)]
    return {"README.md": CARD, "a/test.jsonl": b"\n".join(lines[:2]), "a/train.jsonl": b"\n".join(lines[2:])}


@pytest.fixture
def hub() -> Iterator[Hub]:
    pytest.importorskip("datasets")
    with hub_server() as found:
        found.commit("org/set", files("yes"))
        yield found


@pytest.fixture
def themis(hub: Hub, tmp_path: Path) -> Any:
    (tmp_path / "c.yaml").write_text(CONFIG)
    places = {"HF_HOME": str(tmp_path / "hf"), "THEMIS_MEDIA_DIR": str(tmp_path / "media"), "HF_ENDPOINT": hub.url}
    known = {name: text for name, text in os.environ.items() if not name.startswith("HF_")}

    def call(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "themis", *words, "--config", "c.yaml"]
        return subprocess.run(
            command, cwd=tmp_path, env=known | places | more, capture_output=True, text=True, timeout=120, check=False
        )

    return call


def run_id(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stderr
    return str(json.loads(ended.stdout)["run_id"])


def test_a_commit_decides_the_run_and_is_read_offline(hub: Hub, themis: Any) -> None:
    first = run_id(themis("run"))
    commit = hub.branches["org/set", "main"]
    assert json.loads(themis("inspect", "snapshot").stdout)["datasets"][0]["revision"] == commit

    asked = len(hub.asked)
    assert run_id(themis("run", HF_HUB_OFFLINE="1")) == first
    assert len(hub.asked) == asked, "nothing was asked"

    hub.commit("org/set", files("no"))
    second = run_id(themis("run"))
    assert second != first
    pinned = ("--set", f"datasets.0.huggingface.revision={commit}")
    assert run_id(themis("run", *pinned)) == first
    streamed = ("--set", "datasets.0.huggingface.streaming=true")
    assert run_id(themis("run", *streamed)) == second
    unreachable = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    with_config = ("--set", "datasets.0.huggingface.config=a")
    assert run_id(themis("run", *pinned, *with_config, **unreachable)) == first, "prepared here: no hub is needed"
    ended = themis("run", **unreachable)
    assert (ended.returncode, ended.stderr.count("\n")) == (4, 1)
    assert "hub at http://127.0.0.1:9 cannot be reached" in ended.stderr


def test_a_worker_reads_the_commit_of_the_submission(hub: Hub, themis: Any, tmp_path: Path) -> None:
    submitted = themis("submit")
    assert submitted.returncode == 0, submitted.stderr
    hub.commit("org/set", files("no"))
    (tmp_path / "hf").rename(tmp_path / "other")
    ended = themis("worker", "run")
    assert json.loads(ended.stdout)["status"] == "completed", ended.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (f"name={GATED}", "is gated: accept its terms at"),
        ("name=org/no", "is not on the hub, or is private"),
        ("revision=v9", "has no revision 'v9'"),
        ("split=tset", "'tset'"),
        ("config=b", "'b' not found"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(themis: Any, change: str, words: str) -> None:
    ended = themis("run", "--set", f"datasets.0.huggingface.{change}")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
