"""Command lines, done in this process."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_module import model_module
from themis.cli.main import main

EXPERIMENT: dict[str, Any] = {
    "generation": {"generator": "builtin/demo_generator"},
    "evaluation": {"parsers": ["builtin/json_identity"], "metrics": ["builtin/exact_match"]},
    "storage": {"store": "sqlite"},
    "datasets": [
        {
            "dataset_id": "sums",
            "cases": [
                {"case_id": "one", "input": "1 + 1", "expected_output": "2"},
                {"case_id": "two", "input": "2 + 2", "expected_output": "4"},
            ],
        }
    ],
}
# Fails where the case says so.
MODEL = model_module(r"""
    if case.metadata.get("fails"):
        raise LookupError("no answer\nto this")
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
MODEL_MODULE = "model_of_the_acceptance_tests"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON value that it printed, which is one line."""
        assert self.code in {0, 3}, self.err
        assert self.out.count("\n") == 1
        return json.loads(self.out)


class Themis:
    """The `themis` command, in a folder with `experiment.yaml`."""

    experiment = EXPERIMENT
    model_module = MODEL_MODULE

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.write("experiment.yaml", EXPERIMENT)

    def __call__(self, *words: object) -> Done:
        """Do what a command line says."""
        code = main([str(word) for word in words])
        return Done(code, *self._capsys.readouterr())

    def submit(self, *more: object) -> tuple[str, Path]:
        """Submit the experiment; returns its job's key and its file."""
        path = Path(self("submit", "--config", "experiment.yaml", *more).document["manifest_path"])
        return path.stem.rpartition("-")[2], path

    def failing(self, *, of: int, failures: int) -> Path:
        """A config whose model fails in some of the cases."""
        Path(f"{MODEL_MODULE}.py").write_text(MODEL, encoding="utf-8")
        case = {"input": "x", "expected_output": "y"}
        bad = {**case, "metadata": {"fails": "1"}}
        cases = [{**(bad if number < failures else case), "case_id": f"c{number}"} for number in range(of)]
        document = {
            **EXPERIMENT,
            "generation": {"generator": f"{MODEL_MODULE}:Model"},
            "datasets": [{"dataset_id": "d", "cases": cases}],
        }
        return self.write("failing.yaml", document)

    def write(self, name: str, document: Any) -> Path:
        """Write a config file."""
        path = Path(name)
        path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper), encoding="utf-8")
        return path


@pytest.fixture
def themis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Themis:
    """The command, in an empty folder but for `experiment.yaml`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, MODEL_MODULE, raising=False)
    return Themis(capsys)
