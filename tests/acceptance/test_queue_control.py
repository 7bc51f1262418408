"""A person at another terminal: what they type, and what happens to what runs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from tests.support.waiting import until
from themis.cli import status_wait
from themis.cli.terminal import progress
from themis.core.media.media_folder import keep, media_folder
from themis.core.queue import AttemptOutcome, Cause, this_process
from themis.core.queue.folder import locks
from themis.core.submission import open_queue

Themis = Any
"""The fixture's class: see conftest."""

SLOW_MODEL = model_module("""
    (HERE / "asked").touch()
    await asyncio.sleep(60)
    return GenerationResult(candidate_id=case.case_id, final_output="x")
""")
PATIENCE_S = 20.0
WORKERS = {"run": ("worker", "run", "--quiet"), "start": ("worker", "start", "--max-jobs", "1")}


def submit(themis: Themis, count: int) -> list[str]:
    return [themis.submit("--set", f"seeds=[{number}]")[0] for number in range(count)]


def states(themis: Themis) -> dict[str, str]:
    return {job["key"]: job["state"] for job in themis("queue", "list", "--all", "--json").document["jobs"]}


def started(*words: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "themis", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.fixture(params=["run", "start"])
def running(themis: Themis, request: pytest.FixtureRequest) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The key of a job that a worker in another process, of one kind or the other, runs, for a minute if it is let."""
    Path("slow_model_of_the_control_tests.py").write_text(SLOW_MODEL, encoding="utf-8")
    generation = {"generator": "slow_model_of_the_control_tests:Model"}
    themis.write("slow.yaml", {**themis.experiment, "generation": generation})
    path = Path(themis("submit", "--config", "slow.yaml").document["manifest_path"])
    key = path.stem.rpartition("-")[2]
    worker = started(*WORKERS[request.param])
    try:
        queue = open_queue("runs/queue")
        until(lambda: queue.admin.find(key).state == "running", "the worker to begin")
        until(lambda: "running" in str(themis("status", "--json").document[0]["state"]), "the run to begin")
        until(Path("asked").exists, "the model to be asked")
        yield key, worker
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.communicate()


# --- cancel


@pytest.mark.few(1)
def test_a_running_job_is_cancelled_within_a_second(themis: Themis, running: tuple[str, Any]) -> None:
    key, worker = running
    began = time.monotonic()
    job = themis("queue", "cancel", key).document
    assert job["cancel_requested"]
    assert job["state"] in {"running", "cancelled"}, "a daemon may be quicker than the answer"
    queue = open_queue("runs/queue")
    until(lambda: queue.admin.find(key).state == "cancelled", "it to be cancelled")
    took_s = time.monotonic() - began
    assert took_s < 1.0, f"it took {took_s:.2f} s"
    assert worker.wait(PATIENCE_S) == 0


def test_several_keys_are_cancelled_at_once(themis: Themis) -> None:
    keys = submit(themis, 3)
    done = themis("queue", "cancel", keys[0], keys[2])
    assert [(job["key"], job["state"]) for job in done.document["jobs"]] == [
        (keys[0], "cancelled"),
        (keys[2], "cancelled"),
    ]
    assert states(themis)[keys[1]] == "queued"


def test_one_wrong_key_among_several_cancels_none(themis: Themis) -> None:
    keys = submit(themis, 2)
    done = themis("queue", "cancel", keys[0], "ffff0000", keys[1])
    assert (done.code, done.out) == (2, "")
    assert "ffff0000: no name, run or job begins so" in done.err
    assert set(states(themis).values()) == {"queued"}


def test_a_name_of_several_is_an_error_that_names_them_unless_all_are_meant(themis: Themis) -> None:
    submit(themis, 2)
    meant = {themis.submit("--set", f"seeds=[{number}]", "--name", "twin")[0] for number in range(10, 14)}
    done = themis("queue", "cancel", "twin")
    assert done.code == 2
    assert "twin names several" in done.err
    assert set(states(themis).values()) == {"queued"}
    found = themis("queue", "cancel", "twin", "--all-matching").document["jobs"]
    assert {job["key"] for job in found} == meant
    assert {key for key, state in states(themis).items() if state == "cancelled"} == meant
    again = themis("queue", "cancel", "twin", "--all-matching")
    assert (again.code, "not in this queue" in again.err) == (2, True)
    assert {job["key"] for job in themis("queue", "retry", "twin", "--all-matching").document["jobs"]} == meant


@pytest.mark.parametrize("running", ["run"], indirect=True)
@pytest.mark.slow
def test_all_that_waits_is_cancelled_and_what_runs_is_left(themis: Themis, running: tuple[str, Any]) -> None:
    keys = submit(themis, 3)
    done = themis("queue", "cancel", "--all", "--state", "queued")
    assert {job["key"] for job in done.document["jobs"]} == set(keys)
    assert done.err == "themis: 3 cancelled, 0 asked to stop, 0 had ended before\n"
    assert states(themis)[running[0]] == "running"
    done = themis("queue", "cancel", "--all", "--yes")
    assert [job["cancel_requested"] for job in done.document["jobs"]] == [True]
    assert themis("queue", "cancel", "--all", "--state", "queued").document == {"jobs": []}


@pytest.mark.parametrize(("answer", "state"), [("y\n", "cancelled"), ("n\n", "queued"), ("\n", "queued")])
def test_on_a_terminal_all_is_asked_for(
    themis: Themis, answer: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = submit(themis, 1)
    terminal, other_end = os.openpty()
    with os.fdopen(other_end) as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        os.write(terminal, answer.encode())
        done = themis("queue", "cancel", "--all")
    os.close(terminal)
    assert "Cancel 1 job, 0 of them running? [y/N]" in done.err
    assert done.code == 0
    assert len(done.document["jobs"]) == (state == "cancelled")
    assert states(themis) == {key: state}


@pytest.mark.parametrize(
    "words",
    [
        ["cancel"],
        ["cancel", "4f1c", "--all"],
        ["cancel", "4f1c", "--state", "queued"],
        ["cancel", "--all", "--all-matching"],
        ["retry"],
        ["retry", "4f1c", "--all-failed"],
        ["set", "4f1c"],
        ["logs", "4f1c", "-f", "--json"],
        ["prune", "--state", "queued"],
        ["prune", "--older-than", "soon"],
    ],
)
def test_what_is_not_clear_is_refused_in_one_line(themis: Themis, words: list[str]) -> None:
    submit(themis, 1)
    done = themis("queue", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_an_empty_key_means_no_job(themis: Themis) -> None:
    submit(themis, 2)
    assert themis("queue", "cancel", "", "--all-matching").code == 2
    assert set(states(themis).values()) == {"queued"}


# --- retry, set, pause


def test_all_that_failed_is_tried_again_and_what_was_cancelled_is_not(themis: Themis) -> None:
    for number in range(2):
        config = themis.failing(of=1, failures=1)
        themis("submit", "--config", config, "--set", f"seeds=[{number}]", "--set", "runtime.max_attempts=1")
        themis("worker", "run")
    (cancelled,) = submit(themis, 1)
    themis("queue", "cancel", cancelled)
    done = themis("queue", "retry", "--all-failed")
    assert [job["state"] for job in done.document["jobs"]] == ["queued", "queued"]
    assert sorted(states(themis).values()) == ["cancelled", "queued", "queued"]


def test_of_several_that_are_to_be_retried_those_that_cannot_be_are_named(themis: Themis) -> None:
    first, second = submit(themis, 2)
    themis("queue", "cancel", first)
    done = themis("queue", "retry", first, second)
    assert done.code == 2
    assert f"job {second} is queued: only a failed or cancelled job can be retried" in done.err
    assert [job.get("state", "error") for job in json.loads(done.out)["jobs"]] == ["queued", "error"]


def test_a_job_is_given_another_place(themis: Themis) -> None:
    first, second = submit(themis, 2)
    done = themis("queue", "set", second[:8], "--priority", 0).document
    assert (done["key"], done["priority"], done["not_before"]) == (second, 0, None)
    assert list(states(themis)) == [second, first]
    assert themis("queue", "set", first, "--not-before", "2h").document["not_before"] is not None
    assert states(themis)[first] == "waiting"
    assert themis("queue", "set", first, "--not-before", "now").document["not_before"] is None
    assert states(themis)[first] == "queued"
    themis("worker", "run")
    refused = themis("queue", "set", second, "--priority", 1)
    why = "only a queued job can be given another priority or time"
    assert (refused.code, refused.err) == (2, f"themis: error: job {second} is done: {why}\n")


def test_a_pause_is_seen_everywhere_with_who_when_and_why(themis: Themis) -> None:
    (key,) = submit(themis, 1)
    made = themis("queue", "pause", "--reason", "the endpoint\x1b[2J is down").document
    assert (made["paused"], made["reason"]) == (True, "the endpoint\x1b[2J is down")
    assert "it was paused before: the queue is paused, by" in themis("queue", "pause", "--reason", "again").err
    listed = themis("queue", "list", "--json").document
    assert (listed["paused"], listed["pause"]["reason"]) == (True, "again")
    for words in (["queue", "list"], ["queue", "show", key], ["worker", "run"]):
        done = themis(*words)
        assert f"the queue is paused, by {made['by']} at 20" in done.out + done.err, words
        assert ": again" in done.out + done.err
    assert themis("queue", "show", key, "--json").document["reasons"][0]["word"] == "paused"
    assert themis("queue", "resume").document == {"paused": False}
    assert themis("queue", "resume").err == "themis: it was not paused\n"
    assert themis("worker", "run").document["status"] == "completed"


def test_what_cannot_be_done_without_a_queue_says_so(themis: Themis) -> None:
    for words in (
        ["pause"],
        ["resume"],
        ["prune"],
        ["cancel", "--all"],
        ["retry", "--all-failed"],
        ["doctor", "--fix"],
    ):
        done = themis("queue", *words)
        assert (done.code, "there is no queue" in done.err) == (2, True), words
    assert not Path("runs").exists()


# --- prune


def old_image() -> Path:
    """An image of a prompt that nobody has used for two days."""
    (path,) = media_folder().glob(f"*/{keep(b'picture').removeprefix('sha256:')}")
    os.utime(path, (time.time() - 180_000,) * 2)
    return path


def test_prune_only_says_what_it_would_do_until_it_is_told_to(themis: Themis) -> None:
    done_key, queued = submit(themis, 2)
    themis("worker", "run")
    assert themis("queue", "prune").out == "No job ended that long ago.\n"
    looked = themis("queue", "prune", "--older-than", "0s", "--state", "done")
    assert done_key in looked.out
    assert "To be removed: 1 done; " in looked.out
    assert "--yes removes them." in looked.out
    assert states(themis) == {done_key: "done", queued: "queued"}
    assert themis("queue", "prune", "--older-than", "0s", "--state", "failed", "--json").document["count"] == 0
    image = old_image()
    assert "to be removed, too: 1 images and files of prompts" in themis("queue", "prune", "--older-than", "0s").err
    assert image.exists()
    gone = themis("queue", "prune", "--older-than", "0s", "--yes", "--json").document
    assert not image.exists()
    assert (gone["removed"], gone["count"], gone["items"][0]["name"]) == (True, 1, done_key)
    assert gone["bytes"] > 100
    assert states(themis) == {queued: "queued"}
    assert themis("queue", "doctor").code == 0
    assert {row["state"] for row in themis("status", "--json").document} == {"completed", "queued"}
    assert themis("submit", "--config", "experiment.yaml", "--set", "seeds=[0]").document["status"] == "completed"


# --- show


def test_a_job_whose_store_is_gone_is_shown_with_the_reason(themis: Themis) -> None:
    (key,) = submit(themis, 1)
    Path("runs/themis.sqlite3").rename("runs/elsewhere.sqlite3")
    shown = themis("queue", "show", key[:6], "--json").document
    assert (shown["key"], shown["state"], shown["reasons"][0]["word"]) == (key, "queued", "store")
    assert "themis.sqlite3: is not there" in shown["why"]


@pytest.mark.parametrize(
    "words", [["cancel", "--all"], ["retry", "--all-failed"], ["prune"], ["prune", "--yes"]], ids=" ".join
)
def test_whoever_means_all_jobs_is_told_which_could_not_be_looked_at(themis: Themis, words: list[str]) -> None:
    submit(themis, 1)
    Path("runs/themis.sqlite3").rename("runs/elsewhere.sqlite3")
    done = themis("queue", *words)
    assert done.code == 4, "not all was done that was asked for"
    assert "left out: the jobs of a store that cannot be opened: " in done.err
    assert "themis.sqlite3: is not there" in done.err


@pytest.mark.slow
def test_a_suspended_worker_is_seen(themis: Themis, running: tuple[str, Any]) -> None:
    key, worker = running
    shown = themis("queue", "show", key).out
    assert "it has been running for" in shown
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        until(
            lambda: f"its worker, pid {worker.pid}, is suspended" in themis("queue", "show", key).out, "it to be seen"
        )
    finally:
        os.killpg(worker.pid, signal.SIGCONT)
    until(lambda: "it has been running for" in themis("queue", "show", key).out, "it to be seen to go on")
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert themis("queue", "show", key, "--json").document["reasons"][0]["word"] == "worker lost"


# --- logs


def test_the_last_lines_of_one_attempt_are_printed(themis: Themis) -> None:
    (key,) = submit(themis, 1)
    folder = Path("runs/queue/logs") / key
    folder.mkdir()
    (folder / "2.log.1").write_text("a\nb\n")
    (folder / "2.log").write_text("c\nd\n")
    (folder / "10.log").write_text("e\n")
    (folder / "notes.txt").write_text("not a log\n")
    assert themis("queue", "logs", key, "--attempt", 2, "--lines", 3).out.splitlines()[-3:] == ["b", "c", "d"]
    missing = themis("queue", "logs", key, "--attempt", 3)
    assert (missing.code, missing.out) == (2, "")
    assert "there is no log of attempt 3; there are logs of attempts: 2, 10" in missing.err
    assert themis("queue", "logs", key, "--json").document["logs"] == {"2": "a\nb\nc\nd\n", "10": "e\n"}
    assert themis("queue", "logs", key).out.endswith(f"a\nb\nc\nd\n\n{_header(folder, 10)}\ne\n")


def _header(folder: Path, attempt: int) -> str:
    return f"--- attempt {attempt}: {folder.absolute() / f'{attempt}.log'}"


def test_logs_are_followed_through_rotation_and_attempts_until_the_job_ends(themis: Themis) -> None:
    (key,) = submit(themis, 1)
    folder = Path("runs/queue/logs") / key
    folder.mkdir()
    log = folder / "1.log"
    log.write_text("begun\n")
    reader = started("queue", "logs", key, "-f")
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.extend(iter(_readline(reader), "")))
    thread.start()
    queue = open_queue("runs/queue")
    try:
        claim = queue.claim(this_process("w")).claim
        assert claim is not None
        until(lambda: "begun\n" in lines, "the beginning to be followed")
        log.replace(folder / "1.log.1")
        log.write_text("after the rotation\n")
        until(lambda: "after the rotation\n" in lines, "a rotation to be followed")
        claim.give_back()
        claim = queue.claim(this_process("w")).claim
        assert claim is not None
        (folder / "2.log").write_text("second attempt\n\x1b[2J no end of line")
        until(lambda: "second attempt\n" in lines, "the next attempt to be followed")
        claim.settle(AttemptOutcome(Cause.CANCELLED))
        assert reader.wait(PATIENCE_S) == 0
    finally:
        if reader.poll() is None:
            reader.kill()
        thread.join()
        _, err = reader.communicate()
    assert err == ""
    replaced = "\N{REPLACEMENT CHARACTER}[2J no end of line\n"
    assert lines == ["begun\n", "after the rotation\n", "\n", "--- attempt 2\n", "second attempt\n", replaced]


def _readline(reader: subprocess.Popen[str]) -> Any:
    assert reader.stdout is not None
    return reader.stdout.readline


@pytest.mark.slow
def test_ctrl_c_ends_the_following_and_not_the_job(themis: Themis) -> None:
    (key,) = submit(themis, 1)
    folder = Path("runs/queue/logs") / key
    folder.mkdir()
    (folder / "1.log").write_text("a\nb\nc\n")
    reader = started("queue", "logs", key, "--follow", "--lines", "2")
    assert [_readline(reader)() for _ in range(2)] == ["b\n", "c\n"]
    os.kill(reader.pid, signal.SIGINT)
    out, err = reader.communicate(timeout=PATIENCE_S)
    assert (out, err, reader.returncode) == ("", "", 130)
    assert states(themis) == {key: "queued"}
    assert not locks.is_locked("runs/queue/locks", key)


# --- status --wait


def test_a_run_is_waited_for_and_its_end_is_the_exit_code(themis: Themis) -> None:
    submit(themis, 1)
    run_id = themis("status", "--json").document[0]["run_id"]
    waiting = started("status", run_id[:10], "--wait", "--json")
    time.sleep(0.5)
    assert waiting.poll() is None
    themis("worker", "run")
    out, _ = waiting.communicate(timeout=PATIENCE_S)
    assert (waiting.returncode, json.loads(out)["state"]) == (0, "completed")
    assert themis("status", run_id[:10], "--wait").code == 0


def test_a_failed_run_and_a_cancelled_one_end_the_waiting_with_3(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    themis("submit", "--config", themis.failing(of=1, failures=1), "--set", "runtime.max_attempts=1")
    themis("worker", "run")
    run_id = themis("status", "--json").document[0]["run_id"]
    assert themis("status", run_id, "--wait").code == 3
    (key,) = submit(themis, 1)
    monkeypatch.setattr(status_wait, "LOOK_EVERY_S", 0.05)
    cancel = threading.Timer(0.5, open_queue("runs/queue").admin.cancel, [key])
    cancel.start()
    assert themis("status", "--wait", "--json").code == 3
    cancel.join()
    assert themis("status", "--wait").code == 0, "nothing is unfinished now, so nothing failed while it waited"


def test_waiting_too_long_ends_with_124_and_says_what_is_left(themis: Themis) -> None:
    submit(themis, 2)
    run_id = themis("status", "--json").document[0]["run_id"]
    one = themis("status", run_id, "--wait", "--timeout", "0.2")
    assert (one.code, "the run has not ended within 0.2 s" in one.err) == (124, True)
    every = themis("status", "--wait", "--timeout", "0")
    assert (every.code, "2 of 2 runs have not ended within 0 s" in every.err) == (124, True)
    assert themis("status", "--timeout", "5").code == 2
    assert themis("status", "ffff", "--wait").code == 2


def test_whoever_waits_sees_now_and_then_how_far_it_is(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    submit(themis, 2)
    run_id = themis("status", "--json").document[0]["run_id"]
    every = themis("status", "--wait", "--timeout", "0.3")
    assert "themis: 0 of 2 runs, 0 failed, 0.0/s\n" in every.err
    assert "themis: 0 of 2 cases, 0 failed" in themis("status", run_id, "--wait", "--timeout", "0.3").err


def test_waiting_where_there_is_no_queue_ends_at_once(themis: Themis) -> None:
    assert themis("status", "--wait").code == 0
    assert not Path("runs").exists()
