"""Tracing from the command line: what is loaded when it is off, and what is said when it cannot be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.command_here import done_here
from tests.support.project_copy import PROJECT

WITHOUT_THE_EXTRA = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from themis.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
LOADED = """
import sys
from themis.cli.main import main
assert main(sys.argv[1:]) == 0
print(sorted(name for name in sys.modules if name.split(".")[0] == "opentelemetry" or "telemetry" in name))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    document = {
        "generation": {"generator": "builtin/demo_generator"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "d", "cases": [{"case_id": "a", "input": "a", "expected_output": "a"}]}],
    }
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def python(code: str, config: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **variables}
    command = [sys.executable, "-c", code, "run", "--config", str(config), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_run_that_is_not_traced_loads_nothing_of_it(config: Path) -> None:
    done = python(LOADED, config)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.slow
def test_a_traced_run_without_the_extra_says_in_one_line_what_to_install(config: Path) -> None:
    done = python(WITHOUT_THE_EXTRA, config, "--set", "runtime.tracing=true")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "themis: error: runtime.tracing needs the package opentelemetry-sdk: pip install 'themis-eval[otel]'"
    ]
    assert python(WITHOUT_THE_EXTRA, config).returncode == 0


def test_an_unknown_value_of_the_variable_is_refused_in_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_TRACING", "perhaps")
    done = done_here(config.parent, ["run", "--config", str(config)], capsys)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "THEMIS_TRACING: it is 1 to trace runs and 0 not to, not 'perhaps'" in done.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "OTEL_TRACES_EXPORTER",
            "zipkins",
            "the exporter zipkins is not installed; there are console, otlp_proto_http",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobufs", "no protocol 'http/protobufs' of OTLP"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "the exporter otlp_proto_grpc is not installed"),
    ],
)
def test_an_exporter_that_cannot_be_is_refused_in_one_line(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    done = done_here(config.parent, ["run", "--config", str(config), "--set", "runtime.tracing=true"], capsys)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert said in done.err


@pytest.mark.slow
def test_a_run_is_traced_to_a_console_where_the_environment_says_so(config: Path) -> None:
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("METRICS", "LOGS")}
    code = "import sys; from themis.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = python(code, config, "--set", "runtime.tracing=true", OTEL_TRACES_EXPORTER="console", **exporters)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed", "standard output is for the result"
    assert [line.strip() for line in done.stderr.splitlines() if '"name": "themis.' in line] == [
        '"name": "themis.case",',
        '"name": "themis.run",',
    ]
