"""Projects that are moved, copied, or reached by another path: what runs, what asks, and what is never written."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from themis.core.queue import this_process
from themis.core.queue.folder import locks
from themis.core.submission import open_queue

Themis = Any
"""The fixture's class: see conftest."""

MOUNT, UNMOUNT = (shutil.which(name) or name for name in ("mount", "umount"))
MODULE = "model_of_the_place_tests"
MODEL = model_module("return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)")


@pytest.fixture
def project(themis: Themis) -> Path:
    """A project in `one` whose model and data are files of its own, and which has a job in its queue."""
    folder = Path("one").absolute()
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(MODEL, encoding="utf-8")
    (folder / "data.jsonl").write_text('{"case_id": "a", "input": "x", "expected_output": "y"}\n', encoding="utf-8")
    document = {
        "generation": {"generator": f"{MODULE}:Model"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "datasets": [{"dataset_id": "d", "path": "data.jsonl"}],
    }
    themis.write("one/experiment.yaml", document)
    assert submit(themis, folder)["status"] == "pending"
    return folder


def submit(themis: Themis, folder: Path, *more: str) -> Any:
    return themis("submit", "--config", folder / "experiment.yaml", *more).document


def queue_of(folder: Path) -> Path:
    return folder / "runs" / "queue"


def runs_in(folder: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{folder}/runs/themis.sqlite3?mode=ro", uri=True)) as connection:
        return [status for (status,) in connection.execute("SELECT status FROM runs")]


def work(themis: Themis, folder: Path) -> Any:
    return themis("worker", "run", "--quiet", "--queue-root", queue_of(folder))


def doctor(themis: Themis, folder: Path, *more: str) -> Any:
    return themis("queue", "doctor", "--queue-root", queue_of(folder), *more)


def assert_refused(themis: Themis, folder: Path, *words: str) -> None:
    """Nobody takes, submits or changes a job, each command ends with 2, and says what to do."""
    queue = ("--queue-root", queue_of(folder))
    commands = [
        ("worker", "run", "--quiet", *queue),
        ("worker", "start", "--drain", *queue),
        ("submit", "--config", folder / "experiment.yaml"),
        ("queue", "cancel", "--all", "--yes", *queue),
        ("queue", "retry", "--all-failed", *queue),
        ("queue", "prune", "--yes", "--older-than", "0s", *queue),
        ("queue", "pause", *queue),
    ]
    for command in commands:
        done = themis(*command)
        assert (done.code, done.out) == (2, ""), command
        for word in words:
            assert word in done.err
    found = doctor(themis, folder, "--fix", "--json")
    assert found.code == 3
    (finding,) = json.loads(found.out)
    assert not finding["fixed"]
    assert all(word in finding["problem"] + finding["advice"] for word in words)


def test_a_moved_project_says_so_and_continues_when_it_is_told(themis: Themis, project: Path) -> None:
    there = project.rename("two").absolute()
    assert_refused(themis, there, f"was moved here from {queue_of(project)}", "themis queue doctor --fix --moved")
    wrong = doctor(themis, there, "--fix", "--copied")
    assert wrong.code == 2
    assert "was not copied" in wrong.err
    assert doctor(themis, there, "--fix", "--moved").code == 0
    assert doctor(themis, there).code == 0
    assert str(project) not in json.dumps([path.read_text() for path in queue_of(there).glob("*/*.json")])
    assert work(themis, there).document["status"] == "completed", "its model and its data are found where they are now"
    assert runs_in(there) == ["completed"]
    assert not project.exists()


def test_a_job_that_failed_before_the_move_can_be_tried_again_after_it(themis: Themis, project: Path) -> None:
    (project / "data.jsonl").rename("aside")
    assert work(themis, project).document["status"] == "failed"
    Path("aside").rename(project / "data.jsonl")
    there = project.rename("two").absolute()
    assert doctor(themis, there, "--fix", "--moved").code == 0
    assert themis("queue", "retry", "--all-failed", "--queue-root", queue_of(there)).code == 0
    assert work(themis, there).document["status"] == "completed"


def test_a_copied_project_never_writes_into_the_original(themis: Themis, project: Path) -> None:
    copy = Path(shutil.copytree(project, "two", symlinks=True)).absolute()
    assert_refused(themis, copy, f"is a copy of the queue at {queue_of(project)}", "themis queue doctor --fix --copied")
    assert doctor(themis, copy, "--fix", "--moved").code == 2
    listed = themis("status", "--queue-root", queue_of(copy), "--json").document
    assert [row["store"] for row in listed] == [str(copy / "runs" / "themis.sqlite3")]
    assert doctor(themis, copy, "--fix", "--copied").code == 0
    assert work(themis, copy).document["status"] == "completed"
    assert (runs_in(copy), runs_in(project)) == (["completed"], ["pending"])
    assert work(themis, project).document["status"] == "completed", "the original is as it was"
    assert work(themis, copy).document["status"] == "idle"


def test_a_copy_does_not_kill_what_runs_in_the_original(themis: Themis, project: Path) -> None:
    original = open_queue(queue_of(project))
    claim = original.claim(this_process()).claim
    assert claim is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as job:
        claim.note_process(job.pid)
        copy = Path(shutil.copytree(project, "two", symlinks=True)).absolute()
        assert doctor(themis, copy, "--fix", "--copied").code == 0
        assert work(themis, copy).document["status"] == "completed"
        assert job.poll() is None, "it is the original's"
        job.kill()
    claim.give_back()
    assert work(themis, project).document["status"] == "completed"


def test_a_copy_lets_go_of_jobs_whose_store_was_not_copied(themis: Themis, project: Path) -> None:
    shutil.rmtree(project / "runs")
    away = Path("away.sqlite3").absolute()
    submit(themis, project, "--set", f"storage.parameters.path={away}")
    copy = Path(shutil.copytree(project, "two", symlinks=True)).absolute()
    done = doctor(themis, copy, "--fix", "--copied")
    assert f"{away} was not copied with it" in done.err
    assert work(themis, copy).document["status"] == "idle"
    assert work(themis, project).document["status"] == "completed"


def test_a_copy_whose_original_is_gone_must_be_told(themis: Themis, project: Path) -> None:
    there = Path(shutil.copytree(project, "two", symlinks=True)).absolute()
    shutil.rmtree(project)
    assert_refused(themis, there, "was moved or copied here", "--moved", "--copied")
    assert doctor(themis, there, "--fix", "--moved").code == 0
    assert work(themis, there).document["status"] == "completed"


def test_saying_it_twice_or_for_nothing_does_no_harm(themis: Themis, project: Path) -> None:
    assert "it was not moved" in doctor(themis, project, "--fix", "--moved").err
    there = project.rename("two").absolute()
    for _ in range(2):
        assert doctor(themis, there, "--fix", "--moved").code == 0
    assert doctor(themis, there, "--moved").code == 2, "it needs --fix"
    assert doctor(themis, there, "--fix", "--moved", "--copied").code == 2


def test_what_is_in_use_is_left_and_the_queue_stays_closed(themis: Themis, project: Path) -> None:
    there = project.rename("two").absolute()
    key = next(queue_of(there).glob("queued/*")).stem.rpartition("-")[2]
    lock = locks.acquire(queue_of(there) / "locks", key)
    assert lock is not None
    done = doctor(themis, there, "--fix", "--moved")
    assert (done.code, key in done.err) == (3, True)
    lock.release()
    assert work(themis, there).code == 2
    assert doctor(themis, there, "--fix", "--moved").code == 0
    assert work(themis, there).document["status"] == "completed"


def test_a_link_to_the_same_folder_is_no_move(themis: Themis, project: Path) -> None:
    link = Path("link").absolute()
    link.symlink_to(project)
    assert submit(themis, link)["status"] == "pending"
    assert doctor(themis, link).code == 0
    assert work(themis, link).document["status"] == "completed"


def test_a_link_at_the_old_path_is_enough(themis: Themis, project: Path) -> None:
    there = project.rename("two").absolute()
    project.symlink_to(there)
    assert work(themis, there).document["status"] == "completed"


def test_a_store_that_was_moved_alone_is_found_again_by_a_submit(themis: Themis, project: Path) -> None:
    away = Path("away").absolute()
    away.mkdir()
    for file in (project / "runs").glob("themis.sqlite3*"):
        file.rename(away / file.name)
    left = work(themis, project)
    assert left.code == 4
    assert "themis.sqlite3: is not there" in left.err
    again = submit(themis, project, "--set", f"storage.parameters.path={away}/themis.sqlite3")
    assert again["status"] == "pending"
    assert work(themis, project).document["status"] == "completed"
    assert len(list(queue_of(project).glob("done/*"))) == 1


def test_a_config_and_data_that_were_moved_alone_are_found_again_by_a_submit(themis: Themis, project: Path) -> None:
    there = Path("elsewhere").absolute()
    there.mkdir()
    for name in (f"{MODULE}.py", "data.jsonl", "experiment.yaml"):
        (project / name).rename(there / name)
    runs = (f"runtime.queue_root={queue_of(project)}", f"storage.parameters.path={project}/runs/themis.sqlite3")
    submitted = submit(themis, there, "--set", runs[0], "--set", runs[1])
    assert submitted["status"] == "pending"
    payload = json.loads(Path(submitted["manifest_path"]).read_text())["payload"]
    assert payload["config_path"] == str(there / "experiment.yaml")
    assert payload["import_from"] == [str(there)]
    assert work(themis, project).document["status"] == "completed"


def test_a_copy_of_a_store_is_no_second_store_of_a_queue(themis: Themis, project: Path) -> None:
    copy = Path("copy.sqlite3").absolute()
    with closing(sqlite3.connect(project / "runs" / "themis.sqlite3")) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    config = ("submit", "--config", project / "experiment.yaml", "--set", f"storage.parameters.path={copy}")
    refused = themis(*config)
    assert refused.code == 2
    assert f"{copy}: is a copy of the results store {project}/runs/themis.sqlite3" in refused.err
    other = Path("other").absolute()
    assert themis(*config, "--set", f"runtime.queue_root={other}").code == 0, "its rows tell of jobs of the original"
    assert themis("worker", "run", "--quiet", "--queue-root", other).document["status"] == "completed"
    assert runs_in(project) == ["pending"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_bind_mount_of_the_same_folder_is_no_move(themis: Themis, project: Path) -> None:
    point = Path("mount").absolute()
    point.mkdir()
    if subprocess.run([MOUNT, "--bind", project, point], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert work(themis, point).document["status"] == "completed"
    finally:
        subprocess.run([UNMOUNT, point], check=True)
