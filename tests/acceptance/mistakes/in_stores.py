"""Stores that are lost, broken, or somebody else's."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.acceptance.mistakes.lab import Doing, Lab
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done


def lost_before_a_worker(*words: str) -> Doing:
    def doing(lab: Lab) -> Done:
        lab.submitted()
        lab.lose_the_store()
        return lab(*words)

    return doing


def lost_during_a_run(lab: Lab) -> Done:
    return lab.run("generation.generator=comps:Removes")


def corrupt(*words: str) -> Doing:
    def doing(lab: Lab) -> Done:
        lab.submitted()
        lab.lose_the_store()
        lab.write("runs/themis.sqlite3", b"SQLite format 3\0" + b"torn" * 1_000)
        return lab(*words)

    return doing


def closed(lab: Lab, *words: str) -> Done:
    """Somebody else's command, in a copy of the folder that only its owner may write."""
    top = Path(tempfile.mkdtemp(prefix="themis-mistakes-"))
    try:
        copy = Path(shutil.copytree(lab.folder, top / "lab"))
        top.chmod(0o755)
        inside = [copy, *copy.rglob("*")]
        for path in inside:
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = replace(lab, folder=copy).stranger(*words)
        for path in inside:
            path.chmod(0o755)
        return done
    finally:
        shutil.rmtree(top, ignore_errors=True)


def read_only_folder(lab: Lab) -> Done:
    lab.write("runs/.keep", "")
    return closed(lab, "run", "--config", "base.yaml")


def results_of_a_colleague(lab: Lab) -> Done:
    assert lab.run().code == 0
    return closed(lab, "report", "--config", "base.yaml", "--format", "markdown-summary")


def queue_of_somebody_else(lab: Lab) -> Done:
    lab.submitted()
    return closed(lab, "worker", "run")


MISTAKES = [
    Mistake(
        "61",
        "the results removed while a job waits",
        "B",
        lost_before_a_worker("worker", "run"),
        4,
        ("none of the queued jobs (1) could be taken: ", "/runs/themis.sqlite3: is not there"),
    ),
    Mistake(
        "61b",
        "the results removed, and the runs listed",
        "B",
        lost_before_a_worker("status"),
        4,
        ("/runs/themis.sqlite3: is not there",),
    ),
    Mistake(
        "62",
        "the results removed during a run",
        "A",
        lost_during_a_run,
        4,
        (
            "/runs/themis.sqlite3: was removed, moved or replaced while it was in use; results written since then",
            " in the moved file, if it still exists: put it back, or run again",
        ),
    ),
    Mistake(
        "63",
        "a database that is none",
        "A",
        corrupt("run", "--config", "base.yaml"),
        4,
        (
            "/runs/themis.sqlite3: not a readable Themis database",
            "restore it from a backup, or move it away to start a new",
        ),
    ),
    Mistake(
        "64",
        "the doctor of a lost store",
        "B",
        lost_before_a_worker("queue", "doctor"),
        3,
        ("/runs/themis.sqlite3: is not there", "put it back"),
    ),
    Mistake(
        "65",
        "a folder that cannot be written",
        "A",
        read_only_folder,
        4,
        ("/runs", "cannot be opened for writing (Permission denied); check its permissions and those of its folder"),
    ),
    Mistake("66", "the results of a colleague", "works", results_of_a_colleague, 0, ("# Run Report", "exact_match")),
    Mistake(
        "67",
        "the queue of another user",
        "A",
        queue_of_somebody_else,
        4,
        ("/runs/queue", "cannot be written: Permission denied", "make it writable for this user"),
    ),
]
