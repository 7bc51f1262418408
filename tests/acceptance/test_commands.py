"""Each command does what docs/reference/commands.md says."""

import csv
import errno
import io
import json
import os
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from themis.core.files import durable

Themis = Any
"""The fixture's class: see conftest."""


ALL_RIGHT = {
    "mean": 1.0,
    "scored": 2,
    "total": 2,
    "no_answer": 0,
    "unscored": 0,
    "low": 1.0,
    "high": 1.0,
    "ci_lower": pytest.approx(0.34238, abs=1e-5),
    "ci_upper": 1.0,
}
"""Two cases of two, with Wilson's interval."""

# --- run and submit


def test_run_prints_what_came_out(themis: Themis) -> None:
    found = themis("run", "--config", "experiment.yaml").document
    assert len(found.pop("run_id")) == 64
    assert found.pop("metrics") == {"builtin/exact_match": ALL_RIGHT}
    assert found == {
        "name": "demo_generator-on-sums",
        "status": "completed",
        "completed_through_stage": "score",
        "total_cases": 2,
        "completed_cases": 2,
        "failed_cases": 0,
        "metric_means": {"builtin/exact_match": 1.0},
    }


def test_a_run_stopped_early_is_gone_on_with(themis: Themis) -> None:
    first = themis("run", "--config", "experiment.yaml", "--until-stage", "generate").document
    assert first["completed_through_stage"] == "generate"
    assert first["metric_means"] == {}
    assert first["metrics"] == {}
    assert themis("resume", "--config", "experiment.yaml").document == {
        "run_id": first["run_id"],
        "name": "demo_generator-on-sums",
        "status": "completed",
        "completed_through_stage": "score",
        "total_cases": 2,
        "completed_cases": 2,
        "failed_cases": 0,
        "metric_means": {"builtin/exact_match": 1.0},
        "metrics": {"builtin/exact_match": ALL_RIGHT},
    }


def test_failing_cases_are_data_and_a_run_without_any_good_one_is_an_error(themis: Themis, tmp_path: Path) -> None:
    some = themis("run", "--config", themis.failing(of=3, failures=1))
    assert (some.code, some.document["status"]) == (0, "partial_failure")
    assert (
        "themis: 1 of 3 cases failed; the first: case 'c0': generation_failure: LookupError: no answer to this ("
        in some.err
    )
    every = themis("run", "--config", themis.failing(of=3, failures=3))
    assert (every.code, every.document["status"]) == (3, "failed")
    assert every.document["metric_means"] == {}


def test_a_submitted_experiment_is_run_by_a_worker_that_then_is_idle(themis: Themis) -> None:
    submitted = themis("submit", "--config", "experiment.yaml", "--mode", "worker-pool").document
    assert (submitted["status"], submitted["mode"]) == ("pending", "worker_pool")
    assert Path(submitted["manifest_path"]).is_file()
    done = themis("worker", "run").document
    assert (done["run_id"], done["status"], done["completed_cases"]) == (submitted["run_id"], "completed", 2)
    assert done["metrics"] == {"builtin/exact_match": ALL_RIGHT}
    assert themis("worker", "run", "--config", "experiment.yaml").document == {"status": "idle"}


def test_what_was_submitted_before_is_said_to_be(themis: Themis) -> None:
    themis.submit()
    themis("worker", "run")
    again = themis("submit", "--config", "experiment.yaml")
    assert again.document["status"] == "completed"
    assert "was submitted before, and is completed" in again.err
    anew = themis("submit", "--config", "experiment.yaml", "--set", "runtime.existing_run_policy=rerun")
    assert anew.document["status"] == "pending"


def test_a_worker_says_why_it_is_idle(themis: Themis) -> None:
    assert "there is no queue at" in themis("worker", "run").err
    themis.submit("--not-before", "1h")
    assert "waiting for a later time: 1" in themis("worker", "run").err
    Path("runs/queue/paused").touch()
    assert "the queue is paused" in themis("worker", "run").err


def test_a_worker_whose_jobs_cannot_be_taken_says_so(themis: Themis) -> None:
    themis.submit()
    Path("runs/themis.sqlite3").rename("runs/elsewhere.sqlite3")
    done = themis("worker", "run")
    assert (done.code, json.loads(done.out)) == (4, {"status": "idle"})
    assert "none of the queued jobs (1) could be taken: " in done.err
    assert "themis.sqlite3: is not there" in done.err
    assert "themis.sqlite3: is not there" in themis("queue", "doctor").out
    assert "A results store cannot be used, and its jobs wait: " in themis("queue", "list").out
    (why,) = themis("queue", "list", "--json").document["unusable_stores"].values()
    assert why.endswith("themis.sqlite3: is not there")
    shown = themis("queue", "show", "z")  # begins no key
    assert (shown.code, shown.err.count("\n")) == (4, 1)
    assert "themis.sqlite3: is not there" in shown.err
    Path("runs/elsewhere.sqlite3").rename("runs/themis.sqlite3")
    assert "results store" not in themis("queue", "list").out
    assert themis("worker", "run").document["status"] == "completed"


def test_a_worker_runs_only_the_modules_that_it_may(themis: Themis, tmp_path: Path) -> None:
    themis("submit", "--config", themis.failing(of=1, failures=0))
    done = themis("worker", "run", "--allow-modules", "acme., mylab.evals")
    assert (done.code, done.document["status"]) == (0, "failed")
    assert "model_of_the_acceptance_tests is not among the allowed ones" in done.err


def test_the_first_priority_is_taken_first(themis: Themis) -> None:
    themis.submit("--set", "seeds=[1]")
    urgent = themis("submit", "--config", "experiment.yaml", "--priority", "0").document["run_id"]
    assert themis("worker", "run").document["run_id"] == urgent


def test_a_batch_request_is_run_and_moved(themis: Themis) -> None:
    submitted = themis("submit", "--config", "experiment.yaml", "--mode", "batch").document
    request = Path(submitted["manifest_path"])
    assert request == Path.cwd() / "runs" / "batch" / "requests" / f"{submitted['run_id']}.json"
    done = themis("batch", "run", "--request", request)
    found = done.document
    assert (found["run_id"], found["status"], found["failed_cases"]) == (submitted["run_id"], "completed", 0)
    assert found["metrics"] == {"builtin/exact_match": ALL_RIGHT}
    assert (request.parent.parent / "completed" / request.name).is_file()
    assert themis("batch", "run", "--request", request).code == 2


# --- look


def test_estimate_runs_nothing(themis: Themis) -> None:
    found = themis("estimate", "--config", "experiment.yaml").document
    assert (found["total_cases"], found["planned_generation_tasks"], found["planned_score_tasks"]) == (2, 2, 2)
    assert not Path("runs").exists()


def test_quickcheck_report_and_inspect_read_what_is_stored(themis: Themis) -> None:
    run_id = themis("run", "--config", "experiment.yaml").document["run_id"]
    check = themis("quickcheck", "--config", "experiment.yaml").document
    assert (check["run_id"], check["completed_cases"], len(check["score_rows"])) == (run_id, 2, 2)
    report = themis("report", "--config", "experiment.yaml").document
    assert report["run_result"]["run_id"] == run_id
    assert themis("report", "--config", "experiment.yaml", "--format", "markdown").out.startswith("# Run Report\n")
    assert r"\begin{tabular}" in themis("report", "--config", "experiment.yaml", "--format", "latex").out
    table = themis("report", "--config", "experiment.yaml", "--format", "csv").out
    assert [row["case_id"] for row in csv.DictReader(io.StringIO(table))] == ["one", "two"]
    snapshot = themis("inspect", "snapshot", "--config", "experiment.yaml").document
    assert snapshot["run_id"] == run_id
    assert list(themis("inspect", "state", "--config", "experiment.yaml").document["case_states"]) == [
        "4:sums:one",
        "4:sums:two",
    ]


def test_what_cannot_be_compiled_makes_no_store(themis: Themis) -> None:
    assert themis("run", "--config", "experiment.yaml", "--set", "generation.generator=no.such:Model").code == 2
    assert not Path("runs").exists()


def test_looking_at_what_was_never_run_makes_no_store(themis: Themis) -> None:
    for words in (["quickcheck"], ["report"], ["resume"], ["inspect", "state"]):
        done = themis(*words, "--config", "experiment.yaml")
        assert done.code == 2
        assert "not in this store" in done.err
    assert themis("inspect", "snapshot", "--config", "experiment.yaml").document["identity"]
    assert themis("status").code == 0
    assert themis("status", "--config", "experiment.yaml").code == 0
    assert not Path("runs").exists()


def test_status_shows_each_run_with_its_job(themis: Themis) -> None:
    themis("run", "--config", "experiment.yaml")
    themis.submit("--set", "seeds=[1]")
    themis.submit("--set", "seeds=[2]", "--not-before", "1h")
    states = {row["state"]: row for row in themis("status", "--json").document}
    assert set(states) == {"completed", "queued", "waiting"}
    themis("worker", "run")
    run_id = states["queued"]["run_id"]
    one = themis("status", run_id[:8], "--json").document
    assert (one["state"], one["attempt"], one["completed_cases"]) == ("completed", 1, 2)
    assert one["metric_means"] == {"builtin/exact_match": 1.0}
    shown = themis("status", run_id[:8]).out
    assert f"run        {run_id}" in shown
    assert "exact_match 1.0000" in shown
    assert len(themis("status").out.splitlines()) == 4
    assert themis("status", "--config", "experiment.yaml").out == themis("status").out


def test_status_says_why_a_run_failed(themis: Themis, tmp_path: Path) -> None:
    config = themis.failing(of=1, failures=1)
    themis("submit", "--config", config, "--set", "runtime.max_attempts=1")
    themis("worker", "run")
    (row,) = themis("status", "--json").document
    assert row["state"] == "failed"
    assert "no answer" in row["error"]
    assert "no answer to this" in themis("status", row["run_id"]).out


def test_a_config_is_checked_shown_and_described(themis: Themis) -> None:
    checked = themis("config", "validate", "--config", "experiment.yaml").document
    assert (checked["valid"], checked["total_cases"]) == (True, 2)
    shown = themis("config", "show", "--config", "experiment.yaml", "--set", "seeds=[7]").document
    assert shown["seeds"] == [7]
    assert shown["runtime"]["queue_root"] == str(Path.cwd() / "runs" / "queue")
    schema = themis("config", "schema").document
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(themis.experiment)
    validator.validate({name: value for name, value in themis.experiment.items() if name != "storage"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**themis.experiment, "generaton": {}})


# --- the queue


def test_the_queue_lists_its_jobs_in_order(themis: Themis) -> None:
    assert "there is no queue at" in themis("queue", "list").err
    later, _ = themis.submit("--set", "seeds=[1]", "--not-before", "1h")
    second, _ = themis.submit("--set", "seeds=[2]")
    first, _ = themis.submit("--priority", "0")
    found = themis("queue", "list", "--json").document
    assert [(job["state"], job["key"]) for job in found["jobs"]] == [
        ("queued", first),
        ("queued", second),
        ("waiting", later),
    ]
    assert found["counts"] == {
        "running": 0, "queued": 2, "waiting": 1, "failed": 0, "cancelled": 0, "done": 0, "rejected": 0
    }  # fmt: skip
    shown = themis("queue", "list").out.splitlines()
    assert [line.split()[:2] for line in shown[1:4]] == [["queued", first], ["queued", second], ["waiting", later]]
    assert shown[-2] == "0 running, 2 queued, 1 waiting, 0 failed, 0 cancelled, 0 done"
    assert [line.split()[1] for line in themis("queue", "list", "--state", "waiting").out.splitlines()[1:2]] == [later]


def test_the_queue_lists_a_hundred_jobs_unless_all_are_asked_for(themis: Themis) -> None:
    _, path = themis.submit()
    for number in range(150):
        (path.parent / f"5-20200101T000000{number:09d}Z-{number:016x}.json").touch()
    shown = themis("queue", "list").out.splitlines()
    assert "The first 100 of 151; --all shows them all." in shown
    assert len([line for line in shown if line.startswith("queued")]) == 100
    assert len(themis("queue", "list", "--json", "--all").document["jobs"]) == 151


def test_a_job_is_shown_with_why_it_is_not_running(themis: Themis) -> None:
    key, _ = themis.submit("--not-before", "1h")
    shown = themis("queue", "show", key[:6]).out
    assert "why        it waits until " in shown
    other, _ = themis.submit("--set", "seeds=[1]")
    assert (
        "it is the next job to be taken; no worker is running; start one with: themis worker\n"
        in themis("queue", "show", other).out
    )
    Path("runs/queue/paused").touch()
    assert themis("queue", "show", other, "--json").document["why"] == "the queue is paused"
    Path("runs/queue/paused").unlink()
    themis("worker", "run")
    details = themis("queue", "show", other, "--json").document
    assert (details["state"], len(details["attempts"]), details["alive"]) == ("done", 1, False)


def test_the_history_of_a_job_is_printed(themis: Themis) -> None:
    key, _ = themis.submit()
    themis("worker", "run")
    log = Path("runs/queue/logs") / key / "1.log"
    log.parent.mkdir()
    log.write_text("hello\x1b[2J\n", encoding="utf-8")
    shown = themis("queue", "logs", key).out
    assert [line.split()[1] for line in shown.splitlines()[:3]] == ["submit", "claim", "settle"]
    assert "\nhello\N{REPLACEMENT CHARACTER}[2J\n" in shown
    assert themis("queue", "logs", key, "--json").document["logs"] == {"1": "hello\x1b[2J\n"}


def test_a_job_is_cancelled_and_tried_again(themis: Themis) -> None:
    key, path = themis.submit()
    cancelled = themis("queue", "cancel", key[:8]).document
    assert (cancelled["key"], cancelled["state"]) == (key, "cancelled")
    assert themis("worker", "run").document == {"status": "idle"}
    assert themis("queue", "retry", key).document["state"] == "queued"
    themis("worker", "run")
    late = themis("queue", "cancel", key)
    assert (late.document["state"], path.exists()) == ("done", False)
    assert "it had ended before, and is done" in late.err
    assert themis("queue", "retry", key).code == 2


def test_a_store_that_was_deleted_and_made_anew_is_told_of(themis: Themis) -> None:
    key, _ = themis.submit()
    for path in Path("runs").glob("themis.sqlite3*"):
        path.unlink()
    themis("run", "--config", "experiment.yaml")
    doctor = themis("queue", "doctor").out
    assert "its results store, in which its run was, is gone" in doctor
    assert "themis submit --config" in doctor
    assert "is not the store that the job was submitted for" in themis("queue", "list").out
    assert "its store cannot be opened" in themis("queue", "show", key).out
    assert themis("queue", "cancel", key).code == 4


def test_a_queue_that_cannot_be_written_is_said_to_be_and_nothing_is_taken(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    themis.submit()
    error = f"themis: error: {Path('runs/queue').absolute()}: cannot be written: No space left on device\n"

    def fail(path: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with monkeypatch.context() as broken:
        broken.setattr(durable, "write_synced", fail)
        for command in (("worker", "run"), ("queue", "doctor")):
            done = themis(*command)
            assert (done.code, done.out) == (4, "")
            assert done.err == error
    assert themis("worker", "run").document["status"] == "completed"


def test_the_doctor_puts_a_queue_right(themis: Themis) -> None:
    key, path = themis.submit()
    assert themis("queue", "doctor").out == "Nothing is out of place, and the queue can be written.\n"
    path.unlink()
    looked = themis("queue", "doctor", "--json")
    assert (looked.code, path.exists()) == (3, False)
    assert "themis queue doctor --fix repairs what can be repaired" in looked.err
    (finding,) = looked.document
    assert (finding["what"], finding["problem"], finding["fixed"]) == (key, "its file had vanished", False)
    fixed = themis("queue", "doctor", "--fix", "--json")
    assert (fixed.code, fixed.document) == (0, [{**finding, "fixed": True}])
    assert path.exists()


# --- begin


def test_what_init_writes_runs_as_it_is(
    themis: Themis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = themis("init", "--path", "mine")
    assert (made.code, made.out) == (0, "mine\n")
    assert themis("run", "--config", "mine/experiment.yaml").document["metric_means"] == {"builtin/exact_match": 1.0}
    monkeypatch.chdir("mine")
    runpy.run_path("run.py", run_name="__main__")
    assert "3 of 3 cases\nfrance builtin/exact_match = 1\n" in capsys.readouterr().out


def test_init_overwrites_nothing(themis: Themis) -> None:
    Path("mine").mkdir()
    Path("mine/run.py").write_text("mine", encoding="utf-8")
    assert themis("init", "--path", "mine").code == 2
    assert os.listdir("mine") == ["run.py"]  # noqa: PTH208


def test_a_worker_without_the_tags_leaves_a_job_and_says_why(themis: Themis) -> None:
    key, _ = themis.submit("--tags", "gpu, big")
    idle = themis("worker", "run", "--tags", "gpu", "--quiet")
    assert idle.document == {"status": "idle"}
    assert "none of the queued jobs (1) could be taken: 1 needs a worker with the tag big" in idle.err
    shown = themis("queue", "show", key)
    assert "tags       big, gpu" in shown.out
    assert "start one with: themis worker --tags big,gpu" in shown.out
    assert themis("queue", "show", key, "--json").document["tags"] == ["big", "gpu"]
    assert themis("worker", "run", "--tags", "big,gpu", "--quiet").document["status"] == "completed"


def test_a_worker_that_refuses_other_versions_leaves_their_jobs_and_says_why(themis: Themis) -> None:
    _, path = themis.submit()
    path.write_text(path.read_text().replace('"version":"', '"version":"0.'))
    idle = themis("worker", "run", "--version-mismatch", "refuse", "--quiet")
    assert idle.document == {"status": "idle"}
    assert "could be taken: 1 was submitted with themis-eval 0." in idle.err
    assert themis("worker", "run", "--quiet").document["status"] == "completed"
    shown = themis("queue", "show", path.stem.rpartition("-")[2])
    assert "versions   was submitted with themis-eval 0." in shown.out
    assert "it is run anyway (attempt 1 on" in shown.out


def test_a_worker_leaves_a_job_of_a_newer_format_and_says_why(themis: Themis) -> None:
    _, path = themis.submit()
    path.write_text(path.read_text().replace('"format":2', '"format":3'))
    idle = themis("worker", "run", "--quiet")
    assert idle.document == {"status": "idle"}
    assert "1 was submitted by a newer Themis, whose manifests this one cannot read" in idle.err
    assert path.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "--config", "experiment.yaml", "--tags", "GPU"),
        ("submit", "--config", "experiment.yaml", "--set", "runtime.tags=[GPU]"),
        ("worker", "run", "--tags", "GPU"),
    ],
)
def test_what_is_no_tag_is_one_line(themis: Themis, words: tuple[str, ...]) -> None:
    done = themis(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "'GPU' is not a tag: at most 32 of a-z" in done.err
