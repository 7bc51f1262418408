"""A folder with a small experiment, in which a mistake is made and what is said about it is read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_here import Done, done_here
from tests.support.project_copy import PROJECT

COMPONENTS = """
from themis.core.models import GenerationResult, Score


class Made:
    version = "1"

    def fingerprint(self):
        return "one"


class Good(Made):
    component_id = "m/good"

    async def generate(self, case, ctx):
        return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)


class NoGen(Made):
    component_id = "m/nogen"


class NoFinger:
    component_id = "m/nf"
    version = "1"

    async def generate(self, case, ctx):
        return None


class SyncGen(Made):
    component_id = "m/sync"

    def generate(self, case, ctx):
        return GenerationResult(candidate_id=case.case_id, final_output="2")


class DictGen(Made):
    component_id = "m/dict"

    async def generate(self, case, ctx):
        return {"final_output": "2"}


class BugGen(Made):
    component_id = "m/bug"

    async def generate(self, case, ctx):
        return answer_of(case.metadata)


def answer_of(metadata):
    return metadata["choices"]


class AsyncMetric(Made):
    component_id = "m/am"

    async def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=1.0)


class BoolMetric(Made):
    component_id = "m/bm"

    def score(self, parsed, case, ctx):
        return True


class NaNMetric(Made):
    component_id = "m/nan"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=float("nan"))


async def func(case, ctx):
    return GenerationResult(candidate_id=case.case_id, final_output="2")


class Temp(Good):
    def __init__(self, temperature):
        self.temperature = temperature


class Refused(Made):
    component_id = "m/refused"

    async def generate(self, case, ctx):
        raise RuntimeError("401 Unauthorized: invalid API key")
"""

EXPERIMENT: dict[str, Any] = {
    "generation": {"generator": "builtin/demo_generator"},
    "evaluation": {"metrics": ["builtin/exact_match"]},
    "storage": {"store": "sqlite"},
    "datasets": [{"dataset_id": "q", "path": "q.jsonl", "fields": {"input": "question", "expected_output": "answer"}}],
}
QUESTIONS = [{"id": "a", "question": "1 + 1", "answer": "2"}, {"id": "b", "question": "2 + 2", "answer": "4"}]
MAPPED = {"case_id": "id", "input": "question", "expected_output": "answer"}


@dataclass(frozen=True)
class Lab:
    """The folder, and the command in it.

    Attributes:
        folder: with `base.yaml`, `q.jsonl` and `comps.py`.
        capsys: of the test.
    """

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Done:
        """Do what a command line says, in this process."""
        return done_here(self.folder, [str(word) for word in words], self.capsys)

    def process(self, *words: object, within_s: float = 60.0, **environment: str) -> Done:
        """Do what a command line says in a process of its own."""
        command = [sys.executable, "-m", "themis", *map(str, words)]
        own = {"PYTHONPATH": str(PROJECT), **environment}
        done = subprocess.run(
            command,
            check=False,
            cwd=self.folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *settings: str, command: str = "run", config: str = "base.yaml") -> Done:
        """Run the experiment with some settings changed."""
        return self(command, "--config", config, *(word for one in settings for word in ("--set", one)))

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def config(self, name: str = "base.yaml", **sections: Any) -> Path:
        """Write the experiment with some of its sections replaced."""
        return self.write(name, yaml.safe_dump({**EXPERIMENT, **sections}, sort_keys=False))

    def data(self, name: str, content: str | bytes, **more: Any) -> Done:
        """Run over a file of data."""
        self.write(name, content)
        dataset = {"dataset_id": "d", "path": name, "fields": MAPPED, **more}
        self.config("data.yaml", datasets=[{key: value for key, value in dataset.items() if value is not None}])
        return self.run(config="data.yaml")


def lab_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Set up the folder."""
    lab = Lab(folder, capsys)
    lab.write("comps.py", COMPONENTS)
    lab.write("q.jsonl", "".join(json.dumps(row) + "\n" for row in QUESTIONS))
    lab.config(datasets=[{"dataset_id": "q", "path": "q.jsonl", "fields": MAPPED}])
    return lab


Made = Callable[[Lab], Done]
