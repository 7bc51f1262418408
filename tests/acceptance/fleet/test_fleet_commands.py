"""`themis fleet` as a tired person types it: each mistake is one line that says what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_here import Done, done_here

QUEUE = ("--queue-root", "store:env:THEMIS_DATABASE_URL")
Fleet = Callable[..., Done]
"""Does what the words after `themis fleet` say, on a machine without the programs of an engine."""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fleet:
    monkeypatch.setenv("PATH", "/nowhere")
    return lambda *words: done_here(tmp_path, ["fleet", *words], capsys)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("up",), "missing option --on, as in: themis fleet up --on slurm"),
        (("up", "--on", "slum"), "'slum' is not one of"),
        (("up", "--on", "slurm", "--min", "3", "--max", "2"), "0 <= min <= max"),
        (("up", "--on", "slurm", "--engine-option", "gpu"), "'gpu' is not KEY=VALUE"),
        (("up", "--on", "slurm", "--image", "themis"), "--image is for --on kubernetes, not for slurm"),
        (("up", "--on", "slurm", "--name", "My fleet"), "a name is at most 40"),
        (("up", "--on", "kubernetes"), "use a queue in Postgres"),
        (
            ("up", "--on", "kubernetes", *QUEUE, "--version-mismatch", "refuse", "--max", "2"),
            "KEDA cannot compare versions",
        ),
        (("up", "--on", "ray", "--engine-option", "tpu=-1"), "tpu=-1 is not a resource"),
        (("scale", "--on", "kubernetes", *QUEUE), "a fleet adjusts its size by itself"),
        (("status", "--on", "slurm"), "squeue is not on this machine"),
        (("down", "--on", "kubernetes"), "install kubectl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(fleet: Fleet, words: tuple[str, ...], told: str) -> None:
    done = fleet(*words)
    assert done.code in {2, 4}
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""


def test_a_dry_run_shows_what_the_engine_would_be_given_and_needs_no_engine(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_DATABASE_URL", "postgresql://x:y@z/q")
    for engine, part in (("slurm", "#SBATCH --array=0-3"), ("kubernetes", "kind: ScaledJob"), ("ray", "num_gpus: 1")):
        shown = fleet("up", "--on", engine, "--max", "4", "--gpus", "1", *QUEUE, "--dry-run")
        assert shown.code == 0, shown.err
        assert part in shown.out
        assert "x:y" not in shown.out  # the reference is, and never what it stands for


def test_an_empty_fleet_is_an_answer(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "squeue").write_text("#!/bin/sh\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = fleet("status", "--on", "slurm")
    assert json.loads(shown.out) == {
        "fleet": "workers", "on": "slurm", "active": 0, "counts": {}, "scaler": None, "workers": [], "notes": [],
    }  # fmt: skip
