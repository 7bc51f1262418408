"""Judged experiments from a config file, with the shipped judge and metrics: run, estimate, inspect, submit, resume."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_here import done_here

MEANS = {"builtin/exact_match": 1.0, "kindness": 1.0, "builtin/panel_of_judges": 1.0}
CASES = [{"case_id": f"q{number}", "input": f"a{number}", "expected_output": f"a{number}"} for number in range(3)]


class Folder:
    """A folder with an experiment of two judges."""

    def __init__(self, path: Path) -> None:
        """Write the experiment."""
        self.path = path
        config: dict[str, Any] = {
            "generation": {"generator": "builtin/demo_generator"},
            "evaluation": {
                "metrics": [
                    "builtin/exact_match",
                    {"use": "builtin/llm_rubric", "with": {"rubric": "The answer is kind."}, "as": "kindness"},
                    {"use": "builtin/panel_of_judges", "with": {"rubric": "The answer is short."}},
                ],
                "judge_models": [{"use": "builtin/demo_judge", "as": name} for name in ("stern", "mild")],
            },
            "storage": {"store": "sqlite", "parameters": {"path": "runs/themis.sqlite3"}},
            "runtime": {"queue_root": "runs/queue"},
            "datasets": [{"dataset_id": "lab", "cases": CASES}],
        }
        (path / "experiment.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def __call__(self, *words: str) -> Any:
        command = [sys.executable, "-m", "themis", *words]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def themis(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


CONFIG = ("--config", "experiment.yaml")


@pytest.mark.slow
def test_a_judged_experiment_runs_and_shows_what_was_asked(themis: Folder) -> None:
    stopped = themis("run", *CONFIG, "--until-stage", "score")
    assert (stopped["status"], stopped["completed_through_stage"]) == ("completed", "score")
    assert stopped["metric_means"] == {"builtin/exact_match": 1.0}
    ran = themis("resume", *CONFIG)
    assert (ran["status"], ran["completed_through_stage"]) == ("completed", "judge")
    assert themis("quickcheck", *CONFIG)["metric_means"] == MEANS
    found = themis("inspect", "evaluation", *CONFIG, "--case-id", "q1", "--metric-id", "builtin/panel_of_judges")
    assert [call["judge_model_id"] for call in found["judge_calls"]] == ["stern", "mild"]
    assert found["aggregation_output"]["value"] == 1.0
    assert len(found["judge_responses"]) == 2


@pytest.mark.slow
def test_a_worker_judges_what_was_submitted(themis: Folder) -> None:
    assert themis("submit", *CONFIG, "--mode", "worker-pool")["status"] == "pending"
    assert themis("worker", "run", *CONFIG)["status"] == "completed"
    rows = themis("report", *CONFIG)["benchmark_result"]["score_rows"]
    assert [(row["metric_id"], row["value"]) for row in rows] == list(MEANS.items()) * 3


def test_an_estimate_counts_what_judges_read_and_write(themis: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(done_here(themis.path, ["estimate", *CONFIG], capsys).out)
    assert (found["metric_count"], found["pure_metric_count"], found["workflow_metric_count"]) == (3, 1, 2)
    assert found["planned_score_tasks"] == 3
    assert found["estimated_judge_prompt_tokens"] > 6 * 200
    assert found["estimated_judge_output_tokens"] == 6 * 128
    assert "judge_calls_per_case_and_metric" in found["assumptions"]
