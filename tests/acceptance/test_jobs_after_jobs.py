"""Jobs that run after others, as people and scripts submit, see and run them."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from themis import Experiment, submit_experiment
from themis.core.errors import InvalidArgumentError, UnknownTargetError
from themis.core.submission import open_queue
from themis.core.sweeps import submit_sweep

REPOSITORY = Path(__file__).parents[2]

Themis = Any
"""The fixture's class: see conftest."""

PUPIL = """
import time
from pathlib import Path

HERE = Path(__file__).parent


def answer(prompt, case, ctx, params):
    with (HERE / "asked").open("a") as file:
        file.write(params["name"] + "\\n")
    time.sleep(params.get("takes_s", 0))
    return "yes"
"""


@pytest.fixture
def lab(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Themis:
    monkeypatch.delitem(sys.modules, "pupils_of_jobs", raising=False)
    Path("pupils_of_jobs.py").write_text(PUPIL)
    for name in ("a", "b", "c"):
        generator = {"use": "callable", "with": {"target": "pupils_of_jobs:answer", "params": {"name": name}}}
        generator["with"]["model_id"] = name  # type: ignore[index]
        themis.write(
            f"{name}.yaml",
            {
                "name": name,
                "generation": {"generator": generator},
                "evaluation": {"metrics": ["builtin/exact_match"]},
                "storage": {"store": "sqlite"},
                "datasets": [{"dataset_id": "d", "cases": [{"case_id": "1", "input": "?", "expected_output": "yes"}]}],
            },
        )
    return themis


def _asked() -> list[str]:
    return Path("asked").read_text().split()


def _run_all(themis: Themis) -> None:
    while themis("worker", "run").document["status"] != "idle":
        pass


def _draining(*options: str) -> subprocess.CompletedProcess[str]:
    """What a worker that drains the queue comes to."""
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'workers'}"}
    command = [sys.executable, "-m", "themis", "worker", "start", "--drain", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def _job(themis: Themis, name: str) -> dict[str, Any]:
    (found,) = [job for job in json.loads(themis("queue", "list", "--json").out)["jobs"] if job["name"] == name]
    return dict(found)


def test_a_chain_is_submitted_by_names_and_files_and_one_worker_runs_it_in_order(lab: Themis) -> None:
    first = json.loads(lab("submit", "a.yaml").out)
    then = json.loads(lab("submit", "b.yaml", "--after", "a").out)
    last = json.loads(lab("submit", "c.yaml", "--after", "a.yaml", "--after-ended", first["run_id"][:12]).out)
    key = _job(lab, "a")["key"]
    assert then["after"] == last["after"] == [key]
    assert (then["status"], "after" in first) == ("pending", False)
    _run_all(lab)
    assert _asked()[0] == "a"
    assert sorted(_asked()) == ["a", "b", "c"]


@pytest.mark.slow
def test_a_draining_worker_runs_a_chain_to_its_end(lab: Themis) -> None:
    lab("submit", "a.yaml")
    lab("submit", "b.yaml", "--after", "a")
    lab("submit", "c.yaml", "--after", "b")
    done = _draining()
    assert done.returncode == 0
    assert "nothing is left in the queue (--drain)" in done.stderr
    assert _asked() == ["a", "b", "c"]


def test_a_waiting_job_is_shown_with_what_it_waits_for_everywhere(lab: Themis) -> None:
    lab("submit", "a.yaml")
    lab("submit", "b.yaml", "--after", "a")
    key, waiting = _job(lab, "a")["key"], _job(lab, "b")
    assert (waiting["state"], waiting["after"], waiting["not_before"]) == ("waiting", [key], None)
    assert f"after {key}" in lab("queue", "list").out
    shown = lab("queue", "show", "b").out
    assert f"it waits for job {key}, which is queued, to be done" in shown
    assert "2255" not in shown.partition("file ")[0]
    document = json.loads(lab("queue", "show", "b", "--json").out)
    assert (document["after"], document["after_ended"], document["ready_ns"]) == ([key], [], None)
    assert [reason["word"] for reason in document["reasons"]] == ["after"]
    assert json.loads(lab("status", "b", "--json").out)["after"] == [key]
    found = lab("queue", "doctor")
    assert f"is queued, and is waited for by {waiting['key']}" in " ".join(found.out.split())
    assert found.code == 0
    now = lab("queue", "watch", "--once").out
    assert f"after {key[:12]}" in now
    assert "2255" not in now


def test_a_failed_predecessor_cancels_with_the_reason_and_its_retry_brings_all_back(lab: Themis) -> None:
    lab("submit", "a.yaml", "--set", "runtime.timeout_s=0.2", "--set", "runtime.max_attempts=1")
    lab("submit", "b.yaml", "--after", "a")
    lab("submit", "c.yaml", "--after", "b")
    key = _job(lab, "a")["key"]
    lab("queue", "cancel", "a")
    assert [_job(lab, name)["state"] for name in "abc"] == ["cancelled"] * 3
    why = json.loads(lab("queue", "show", "b", "--json").out)["why"]
    assert f"predecessor: it was to run after job {key}, which was cancelled" in why
    refused = lab("queue", "retry", "b")
    assert refused.code == 2
    assert f"it is to run after job {key}, which was cancelled" in refused.err
    assert "retry that one" in refused.err
    lab("queue", "retry", "a")
    assert [_job(lab, name)["state"] for name in "abc"] == ["queued", "waiting", "waiting"]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nobody", "no run has that name"),
        ("ffff0000", "no name, run or job begins so"),
        ("group:nobody", "there are no groups"),
        ("c.yaml", "the run of this config file was not submitted"),
        ("b", "no run has that name"),
    ],
)
@pytest.mark.parametrize("option", ["--after", "--after-ended"])
def test_what_nobody_knows_is_refused_in_one_line_and_nothing_is_submitted(
    lab: Themis, option: str, target: str, says: str
) -> None:
    lab("submit", "a.yaml")
    for more in ((), ("--dry-run",)):
        done = lab("submit", "b.yaml", option, target, *more)
        assert done.code == 2
        assert says in done.err
        assert "a job runs only after jobs whose results are in the same store" in done.err
        assert len([line for line in done.err.splitlines() if "error" in line]) == 1
    assert len(json.loads(lab("queue", "list", "--json").out)["jobs"]) == 1


def test_a_run_that_is_in_no_queue_and_a_batch_request_are_refused(lab: Themis) -> None:
    lab("run", "a.yaml")
    done = lab("submit", "b.yaml", "--after", "a")
    assert (done.code, "its run was not submitted to a queue" in done.err) == (2, True)
    lab("submit", "c.yaml")
    done = lab("submit", "b.yaml", "--after", "c", "--mode", "batch")
    assert (done.code, "a batch request is in no queue" in done.err) == (2, True)


def test_a_job_cannot_be_run_again_after_itself(lab: Themis) -> None:
    lab("submit", "a.yaml")
    lab("submit", "b.yaml", "--after", "a")
    _run_all(lab)
    done = lab("submit", "a.yaml", "--after", "b", "--set", "runtime.existing_run_policy=rerun")
    assert done.code == 2
    assert "it would wait for itself" in done.err
    assert _job(lab, "a")["state"] == "done"


def test_a_sweep_waits_for_a_group_as_a_whole_in_the_command_and_in_python(lab: Themis) -> None:
    lab("submit", "a.yaml", "--sweep", "seeds=[1],[2]", "--group", "first")
    lines = lab("submit", "b.yaml", "--sweep", "seeds=[1],[2]", "--after", "group:first").out.splitlines()
    assert [len(json.loads(line)["after"]) for line in lines] == [2, 2]
    swept = submit_sweep("c.yaml", {"seeds": [[1], [2]]}, after_ended=["group:b"])
    assert [len(one.after) for one in swept.submissions] == [2, 2]
    _run_all(lab)
    assert _asked() == ["a", "a", "b", "b", "c", "c"]


def test_python_names_a_job_by_its_key_and_says_what_it_waits_for(lab: Themis) -> None:
    first = submit_experiment(Experiment.from_config("a.yaml"))
    then = submit_experiment(Experiment.from_config("b.yaml"), after=[first.job or ""])
    assert (then.after, then.status, first.after) == ([first.job], "pending", [])
    with pytest.raises(UnknownTargetError, match="nobody: no run has that name"):
        submit_experiment(Experiment.from_config("c.yaml"), after_ended=["nobody"])
    with pytest.raises(InvalidArgumentError, match="a batch request is in no queue"):
        submit_experiment(Experiment.from_config("c.yaml"), mode="batch", after=[first.job or ""])


def test_a_worker_that_is_called_once_says_what_is_waited_for(lab: Themis) -> None:
    lab("submit", "a.yaml", "--tags", "gpu")
    lab("submit", "b.yaml", "--after", "a")
    lab("queue", "set", "a", "--not-before", "2h")
    done = lab("worker", "run")
    key, waiting = _job(lab, "a")["key"], _job(lab, "b")["key"]
    assert "waiting for a later time: 1" in done.err
    assert f"waiting for other jobs: 1, of which {waiting} runs after {key}" in done.err


@pytest.mark.slow
def test_a_draining_worker_says_that_what_is_left_waits_for_jobs_of_others(lab: Themis) -> None:
    lab("submit", "a.yaml", "--tags", "gpu")
    lab("submit", "b.yaml", "--after", "a")
    done = _draining()
    assert done.returncode == 0
    assert "only jobs for other workers are left in the queue: 1, and 1 waiting for other jobs (--drain)" in done.stderr


@pytest.mark.slow
def test_a_draining_worker_waits_for_a_job_that_another_runs_and_takes_what_comes_after(lab: Themis) -> None:
    takes = "generation.generator.with.params={name: a, takes_s: 4}"
    lab("submit", "a.yaml", "--tags", "gpu", "--set", takes)
    lab("submit", "b.yaml", "--after", "a", "--tags", "cpu")
    other = threading.Thread(target=_draining, args=("--tags", "gpu", "--name", "gpu"))
    other.start()
    queue = open_queue("runs/queue")
    while not queue.admin.counts().get("claimed"):
        time.sleep(0.05)
    done = _draining("--tags", "cpu", "--name", "cpu")
    other.join()
    assert done.returncode == 0
    assert _asked() == ["a", "b"]
