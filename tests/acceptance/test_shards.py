"""A run in several jobs, by commands: submitted, looked at, cancelled, retried, set, as a whole and shard by shard."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_here import Done, done_here

EXPERIMENT = """
generation: {generator: "answers:Answers"}
evaluation: {metrics: [builtin/exact_match]}
runtime: {max_attempts: 1, generation_retry_attempts: 1, max_failed_share: 0.2}
datasets:
  - {dataset_id: numbers, path: numbers.jsonl}
"""
ANSWERS = """
from pathlib import Path
from themis.core.models import GenerationResult

class Answers:
    component_id, version = "answers", "1"

    def fingerprint(self):
        return "answers"

    async def generate(self, case, context):
        bad = Path(__file__).with_name("bad")
        if bad.exists() and case.case_id in bad.read_text().split():
            raise ValueError("no answer")
        print("asked", case.case_id, flush=True)
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)
"""
CASES = 12

Themis = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "answers.py").write_text(ANSWERS)
    rows = [json.dumps({"case_id": f"n{no}", "input": no, "expected_output": no}) for no in range(CASES)]
    (tmp_path / "numbers.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def themis(folder: Path, capsys: pytest.CaptureFixture[str]) -> Themis:
    return lambda *words: done_here(folder, list(words), capsys)


def answer(done: Done, code: int = 0) -> Any:
    assert done.code == code, done.err
    return json.loads(done.out)


def work(themis: Themis, jobs: int) -> None:
    for _ in range(jobs):
        assert themis("worker", "run").code in {0, 3}


def submitted(themis: Themis, shards: int = 4) -> dict[str, Any]:
    found: dict[str, Any] = answer(themis("submit", "experiment.yaml", "--shards", str(shards), "--name", "numbers"))
    return found


def states(themis: Themis) -> list[str]:
    return [shard["state"] for shard in answer(themis("queue", "show", "numbers", "--json"))["shards"]]


def test_the_whole_is_submitted_run_and_reported(themis: Themis) -> None:
    manifest = submitted(themis)
    assert (manifest["status"], manifest["shards"]) == ("pending", 4)
    now = answer(themis("status", "numbers", "--json"))
    assert (now["state"], len(now["shards"])) == ("queued", 4)
    assert now["shards"][2]["key"] == f"{now['job']}.s003of004"
    assert now["shards"][2]["cases"] == [6, 9]
    work(themis, 3)
    now = answer(themis("status", now["job"], "--json"))
    assert (now["state"], now["completed_cases"]) == ("queued", 9)
    assert [shard["state"] for shard in now["shards"]] == ["done"] * 3 + ["queued"]
    work(themis, 1)
    done = themis("status", "numbers", "--wait", "--json")
    now = answer(done)
    assert (now["state"], now["completed_cases"], now["metric_means"]) == (
        "completed",
        12,
        {"builtin/exact_match": 1.0},
    )
    listed = answer(themis("queue", "list", "--state", "done", "--json"))
    assert [job["key"] for job in listed["jobs"]] == [shard["key"] for shard in now["shards"]]


def test_another_number_of_shards_is_refused_in_one_line(themis: Themis) -> None:
    submitted(themis)
    done = themis("submit", "experiment.yaml", "--shards", "3")
    assert done.code == 2
    assert "is in the queue in 4 shards, 4 of which have not ended" in done.err
    assert len(done.err.strip().splitlines()) == 1
    done = themis("submit", "experiment.yaml", "--shards", "13")
    assert (done.code, "13 shards are more than the 12 cases" in done.err) == (2, True)


def test_the_whole_or_one_shard_is_cancelled_and_retried(themis: Themis) -> None:
    submitted(themis)
    key = answer(themis("status", "numbers", "--json"))["shards"][1]["key"]
    assert answer(themis("queue", "cancel", key, "--json"))["key"] == key
    assert states(themis) == ["queued", "cancelled", "queued", "queued"]
    found = answer(themis("queue", "cancel", "numbers", "--json"))
    assert len(found["jobs"]) == 4
    assert states(themis) == ["cancelled"] * 4
    assert answer(themis("status", "numbers", "--json"))["state"] == "cancelled"
    assert answer(themis("queue", "retry", key, "--json"))["state"] == "queued"
    assert states(themis) == ["cancelled", "queued", "cancelled", "cancelled"]
    assert len(answer(themis("queue", "retry", "numbers", "--json"))["jobs"]) == 3
    work(themis, 4)
    assert answer(themis("status", "numbers", "--json"))["state"] == "completed"
    done = themis("queue", "retry", "numbers")
    assert (done.code, "no shard failed or was cancelled" in done.err) == (2, True)


def test_the_whole_or_one_shard_is_given_another_place(themis: Themis) -> None:
    submitted(themis)
    keys = [shard["key"] for shard in answer(themis("status", "numbers", "--json"))["shards"]]
    assert answer(themis("queue", "set", keys[3], "--priority", "0", "--json"))["priority"] == 0
    work(themis, 1)
    assert states(themis) == ["queued"] * 3 + ["done"]
    assert len(answer(themis("queue", "set", "numbers", "--priority", "1", "--json"))["jobs"]) == 3
    queued = answer(themis("queue", "list", "--state", "queued", "--json"))["jobs"]
    assert [job["priority"] for job in queued] == [1, 1, 1]
    work(themis, 3)
    done = themis("queue", "set", "numbers", "--priority", "2")
    assert (done.code, "no shard is queued" in done.err) == (2, True)


def test_logs_are_those_of_all_shards_or_of_one(themis: Themis) -> None:
    submitted(themis)
    work(themis, 4)
    documents = answer(themis("queue", "logs", "numbers", "--json"))["shards"]
    assert [one["key"][-9:] for one in documents] == [f"s00{number}of004" for number in (1, 2, 3, 4)]
    key = documents[1]["key"]
    assert answer(themis("queue", "logs", key, "--json"))["key"] == key
    done = themis("queue", "logs", "numbers", "--follow")
    assert (done.code, "the 4 shards of a run" in done.err) == (2, True)


def test_a_run_of_which_too_many_cases_failed_tries_all_of_them_again(themis: Themis, folder: Path) -> None:
    (folder / "bad").write_text("n0 n4 n8 n11")
    submitted(themis)
    work(themis, 4)
    now = answer(themis("status", "numbers", "--json"))
    assert (now["state"], now["failed_cases"]) == ("failed", 4)
    assert "4 of 12 cases failed, more than runtime.max_failed_share" in now["error"]
    assert states(themis) == ["done"] * 3 + ["failed"]
    (folder / "bad").unlink()
    answer(themis("queue", "retry", "numbers", "--json"))
    assert states(themis) == ["queued"] * 4
    work(themis, 4)
    now = answer(themis("status", "numbers", "--json"))
    assert (now["state"], now["failed_cases"], now["completed_cases"]) == ("completed", 0, 12)


def test_shards_are_shown_to_people(themis: Themis) -> None:
    submitted(themis)
    work(themis, 1)
    shown = themis("queue", "show", "numbers").out
    assert "is in 4 shards" in shown
    assert "s001of004" in shown
    assert "9 to 11" in shown
    assert "4 shards" in themis("status", "numbers").out


def test_those_who_watch_see_the_cases_of_each_shard(themis: Themis) -> None:
    submitted(themis)
    work(themis, 1)
    now = answer(themis("queue", "watch", "--once", "--json"))
    assert [job["total"] for job in now["next"]] == [3, 3, 3]
    assert now["ended"][0]["key"].endswith(".s001of004")


def test_a_dry_run_says_that_the_run_is_there(themis: Themis) -> None:
    submitted(themis)
    plan = answer(themis("submit", "experiment.yaml", "--shards", "4", "--dry-run"))
    assert (plan["job_state"], "." in plan["job"]) == ("queued", False)


def test_a_job_may_run_after_all_shards_of_a_run_and_shards_after_a_job(themis: Themis, folder: Path) -> None:
    manifest = submitted(themis)
    (folder / "next.yaml").write_text(EXPERIMENT.replace("dataset_id: numbers", "dataset_id: again"))
    after = answer(themis("submit", "next.yaml", "--shards", "2", "--name", "again", "--after", "numbers"))
    assert len(after["after"]) == 4
    work(themis, 3)
    assert answer(themis("worker", "run"))["run_id"] == manifest["run_id"]
    assert answer(themis("status", "numbers", "--json"))["state"] == "completed"
    work(themis, 2)
    assert answer(themis("status", "again", "--json"))["state"] == "completed"
