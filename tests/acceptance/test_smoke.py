"""The shortest way through everything: submit, work, report, each in a process of its own."""

import json
import subprocess
import sys

from tests.acceptance.conftest import Themis


def of_a_process(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "themis", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Three processes take two seconds: the one test that does what a person does, from the first command to the result.
def test_what_is_submitted_is_run_by_a_worker_and_reported(themis: Themis) -> None:
    submitted = json.loads(of_a_process("submit", "--config", "experiment.yaml"))
    assert submitted["status"] == "pending"
    of_a_process("worker", "start", "--drain")
    result = json.loads(of_a_process("report", "--config", "experiment.yaml"))["run_result"]
    assert (result["run_id"], result["status"]) == (submitted["run_id"], "completed")
