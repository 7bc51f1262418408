"""Whoever is tired is told what they forgot, and a screen of theirs is wide enough."""

import sys
from pathlib import Path
from typing import Any

import pytest

from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.registration import Registration
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport

Themis = Any
"""The fixture's class: see conftest."""

HINT = "no worker is running; start one with: themis worker"


def at_work(*, tags: tuple[str, ...] = ()) -> Registration:
    """This process as a worker with a long name that runs something."""
    me = this_process("a-worker-with-a-long-name")
    registration = Registration(Path("runs/queue").absolute(), me)
    slot = SlotReport(0, key="4f1c09ab00112233", run_id="ab" * 32, attempt=1, pid=4711, started_ns=1, total=60, done=7)
    ended = {"done": 1_000, "time limit": 20, "worker lost": 3}
    report = WorkerReport(
        me.worker, me.host, me.boot_id, me.pid, me.pid_started, "4", 1, 2, tags=tags, slots=(slot,), ended=ended
    )
    registration.write(report)
    return registration


def be_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int = 80) -> None:
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")


def test_a_submit_tells_people_that_nobody_works_and_how_to_change_that(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_a_terminal(monkeypatch)
    assert themis("submit", "--config", "experiment.yaml").err == f"themis: {HINT}\n"
    elsewhere = Path("else where").absolute()
    done = themis(
        "submit", "--config", "experiment.yaml", "--set", f"runtime.queue_root={elsewhere}", "--set", "seeds=[9]"
    )
    about, command = done.err.splitlines()
    assert about == "themis: no worker is running; start one with:"
    assert command == f"  themis worker --queue-root '{elsewhere}'", "it can be copied in one piece"
    with at_work(tags=("gpu",)):
        assert themis("submit", "--config", "experiment.yaml", "--tags", "gpu", "--set", "seeds=[1]").err == ""
        done = themis("submit", "--config", "experiment.yaml", "--tags", "gpu,big", "--set", "seeds=[2]")
        assert done.err.splitlines() == [
            "themis: no worker with its tags is running; start one with:",
            "  themis worker --tags gpu,big",
        ]


def test_a_submit_tells_scripts_nothing(themis: Themis) -> None:
    assert themis("submit", "--config", "experiment.yaml").err == ""


def test_whoever_looks_at_a_queue_that_nobody_works_on_is_told_so(themis: Themis) -> None:
    assert HINT not in themis("status").err
    themis.submit()
    shown = themis("queue", "list")
    assert shown.out.splitlines()[-1] == f"N{HINT[1:]}"
    assert themis("status").err == f"themis: {HINT}\n"
    assert themis("status", "--wait", "--timeout", "0").err.splitlines()[0] == f"themis: {HINT}"
    with at_work():
        assert HINT[1:] not in themis("queue", "list").out + themis("status").err
    themis("queue", "pause")
    assert HINT[1:] not in themis("queue", "list").out, "a worker would not help"
    themis("queue", "resume")
    themis("worker", "run")
    assert HINT[1:] not in themis("queue", "list").out + themis("status").err


def test_a_job_whose_tags_no_worker_has_is_shown_with_a_worker_that_would_have_them(themis: Themis) -> None:
    key, _ = themis.submit("--tags", "gpu")
    with at_work():
        why = themis("queue", "show", key, "--json").document["why"]
    assert why == "no live worker has its tags: gpu; start one with: themis worker --tags gpu"


def test_a_worker_with_a_name_that_is_none_makes_no_queue(themis: Themis) -> None:
    done = themis("worker", "start", "--name", "a/b")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("themis: error: worker 'a/b': use letters")
    assert not Path("runs").exists()


def test_stopping_a_worker_that_is_gone_names_where_to_look_and_a_job_that_is_done_where_its_scores_are(
    themis: Themis,
) -> None:
    key, _ = themis.submit()
    assert "has that name; themis worker list shows all workers" in themis("worker", "stop", "gone").err
    run_id = themis("worker", "run").document["run_id"]
    why = themis("queue", "show", key, "--json").document["why"]
    assert why == f"it ran to its end; themis status {run_id[:12]} shows its scores"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_are_no_wider_than_the_terminal(width: int, themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = themis.submit()
    themis("worker", "run")
    be_a_terminal(monkeypatch, width)
    with at_work(tags=("gpu", "big")):
        listed = themis("worker", "list").out.splitlines()
        runs = themis("status").out.splitlines()
    assert max(map(len, [*listed, *runs])) <= width
    assert listed[0].split()[0] == "worker"
    assert listed[listed.index("") + 1].split()[0] in {"worker", "job"}
    assert "4f1c09ab00112233" in "\n".join(listed), "a key can be copied, however narrow"
    assert key[:8] in runs[1] or width < 80


def test_elsewhere_than_on_a_terminal_nothing_is_left_out(themis: Themis) -> None:
    themis.submit()
    with at_work():
        assert [len(line.split()) for line in themis("worker", "list").out.splitlines()[:1]] == [10]
    assert len(themis("status").out.splitlines()[0].split()) == 11


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--slots", "0"], "--slots: must be at least 1, not 0"),
        (["--max-jobs", "-1"], "--max-jobs: must be greater than 0, not -1"),
        (["--tags", "no tag"], "--tags: "),
        (["--devices", "0", "--slots", "2"], "worker options: "),
    ],
)
def test_a_wrong_option_of_a_worker_is_named_as_it_was_typed(words: list[str], complaint: str, themis: Themis) -> None:
    done = themis("worker", "start", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"themis: error: {complaint}")
    assert not Path("runs").exists()
