"""A bug in a component is told by everybody in the same line, and its traceback is where one looks for it, once."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.mistakes.lab import without_handlers_of_pytest
from tests.support.model_module import model_module
from tests.support.project_copy import PROJECT
from themis.core.experiment import Experiment

Themis = Any
"""The fixture's class: see conftest."""

MODULE = "model_with_a_bug"
SOURCE = (
    model_module("""
    if case.case_id == "one":
        return GenerationResult(candidate_id="x", final_output="2")
    return chosen(case.metadata)
""").replace("def fingerprint", "def __init__(self, key='none'):\n        self.key = key\n\n    def fingerprint")
    + """

def chosen(metadata):
    return metadata["choices"]
"""
)
LINE = next(number for number, line in enumerate(SOURCE.splitlines(), 1) if 'metadata["choices"]' in line)
SAID = f"KeyError: 'choices' ({MODULE}.py:{LINE} in chosen)"


@pytest.fixture
def config(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment one of whose two cases fails by a bug."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.delenv("THEMIS_DEBUG", raising=False)
    Path(f"{MODULE}.py").write_text(SOURCE, encoding="utf-8")
    written: Path = themis.write(
        "bug.yaml", {**themis.experiment, "name": "buggy", "generation": {"generator": f"{MODULE}:Model"}}
    )
    return written


def process(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "themis", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
    )


def test_run_status_report_and_python_say_the_same(config: Path, themis: Themis) -> None:
    done = themis("run", "--config", config)
    assert done.document["status"] == "partial_failure"
    assert done.err.splitlines()[-1] == (
        f"themis: 1 of 2 cases failed; the first: case 'two': generation_failure: {SAID}; "
        "THEMIS_DEBUG=1 shows the traceback"
    )
    assert f"failures   1 case, generation_failure: {SAID}: two\n" in themis("status", "buggy").out
    (reason,) = themis("status", "buggy", "--json").document["failure_reasons"]
    assert reason == {"category": "generation_failure", "reason": SAID, "count": 1, "cases": ["two"]}
    for form in ("markdown", "markdown-summary", "csv", "jsonl", "html", "junit"):
        told = themis("report", "buggy", "--format", form).out
        assert SAID in told.replace("&#x27;", "'").replace("&#39;", "'").replace("&apos;", "'"), form
    result = Experiment.from_config(config).run()
    assert [failure.summary for case in result.cases for failure in case.failures] == [SAID]


def test_a_job_says_which_cases_failed_and_why(config: Path, themis: Themis) -> None:
    themis("submit", "--config", config)
    themis("worker", "run")
    shown = themis("queue", "show", "buggy", "--json").document
    assert f"it ran to its end; 1 of 2 cases failed: generation_failure: {SAID}; themis status " in shown["why"]
    assert [reason["cases"] for reason in shown["failure_reasons"]] == [["two"]]
    assert f"failures   1 case, generation_failure: {SAID}: two\n" in themis("queue", "show", "buggy").out


def test_a_job_without_a_failed_case_says_nothing_of_failures(themis: Themis) -> None:
    key, _ = themis.submit()
    themis("worker", "run")
    assert themis("queue", "show", key, "--json").document["failure_reasons"] == []
    assert "failures  " not in themis("queue", "show", key).out + themis("status", key).out


def test_the_traceback_is_on_standard_error_only_when_it_is_asked_for_and_then_once(
    config: Path, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_handlers_of_pytest():
        quiet = themis("run", "--config", config, "--set", "seeds=[1]")
        monkeypatch.setenv("THEMIS_DEBUG", "1")
        told = themis("run", "--config", config, "--set", "seeds=[2]").err
    assert quiet.code == 0
    assert "Traceback" not in quiet.err
    assert quiet.err.splitlines()[0] == f"themis: generation of case 'two' of dataset 'sums': {SAID}"
    assert told.count("Traceback (most recent call last)") == 1
    assert f'{MODULE}.py", line {LINE}, in chosen' in told
    assert "THEMIS_DEBUG" not in told


@pytest.mark.slow
def test_the_log_of_a_job_has_the_traceback_once(config: Path, themis: Themis) -> None:
    cases = [{"case_id": f"c{number}", "input": "x"} for number in range(4)]
    assert themis("submit", "--config", config, "--set", f"datasets.0.cases={json.dumps(cases)}").code == 0
    assert process("worker", "start", "--drain", "--slots", "1").returncode == 0
    log = Path(themis("queue", "show", "buggy", "--json").document["logs"][0]).read_text(encoding="utf-8")
    assert log.count("Traceback (most recent call last)") == 1
    assert f'{MODULE}.py", line {LINE}, in chosen' in log


def test_a_bug_while_a_module_is_imported_is_one_line_with_its_place(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("broken_when_imported.py").write_text("\nvalue = undefined\n", encoding="utf-8")
    words = ("run", "--config", "experiment.yaml", "--set", "generation.generator=broken_when_imported:Model")
    with without_handlers_of_pytest():
        done = themis(*words)
        monkeypatch.setenv("THEMIS_DEBUG", "1")
        told = themis(*words).err
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "themis: error: generation.generator: cannot import 'broken_when_imported:Model': NameError: name 'undefined' "
        "is not defined (broken_when_imported.py:2)\n"
    )
    assert told.count('broken_when_imported.py", line 2, in <module>') == 1


def test_a_secret_in_a_bug_is_masked_everywhere(config: Path, caplog: pytest.LogCaptureFixture, themis: Themis) -> None:
    key = "sesame-open-4711"
    path = Path(f"{MODULE}.py")
    path.write_text(SOURCE.replace("return chosen(case.metadata)", "return {}[self.key]"), encoding="utf-8")
    os.environ["KEY_OF_THE_BUG"] = key
    try:
        with caplog.at_level(logging.ERROR):
            done = themis(
                "run", "--config", config, "--set",
                f"generation.generator={{use: '{MODULE}:Model', with: {{key: 'env:KEY_OF_THE_BUG'}}}}",
            )  # fmt: skip
    finally:
        del os.environ["KEY_OF_THE_BUG"]
    shown = themis("status", "buggy").out + themis("report", "buggy").out
    assert "[secret KEY_OF_THE_BUG]" in shown
    assert key not in shown + done.out + done.err + caplog.text
