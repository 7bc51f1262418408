"""`themis fleet` as a tired person types it: each mistake is one line that says what to do."""

import json
from pathlib import Path

import pytest

from tests.support.deployment import SCRIPTS, run

QUEUE = ("--queue-root", "store:env:THEMIS_DATABASE_URL")


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
def test_a_mistake_is_one_line(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = run(SCRIPTS / "themis", "fleet", *words, cwd=tmp_path, PATH="/nowhere")
    assert done.returncode in {2, 4}
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_dry_run_shows_what_the_engine_would_be_given_and_needs_no_engine(tmp_path: Path) -> None:
    for engine, part in (("slurm", "#SBATCH --array=0-3"), ("kubernetes", "kind: ScaledJob"), ("ray", "num_gpus: 1")):
        words = ("fleet", "up", "--on", engine, "--max", "4", "--gpus", "1", *QUEUE, "--dry-run")
        shown = run(
            SCRIPTS / "themis", *words, cwd=tmp_path, PATH="/nowhere", THEMIS_DATABASE_URL="postgresql://x:y@z/q"
        )
        assert shown.returncode == 0, shown.stderr
        assert part in shown.stdout
        assert "x:y" not in shown.stdout  # the reference is, and never what it stands for


def test_an_empty_fleet_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "squeue").write_text("#!/bin/sh\n")
    (tmp_path / "squeue").chmod(0o755)
    shown = run(SCRIPTS / "themis", "fleet", "status", "--on", "slurm", PATH=str(tmp_path))
    assert json.loads(shown.stdout) == {
        "fleet": "workers", "on": "slurm", "active": 0, "counts": {}, "scaler": None, "workers": [], "notes": [],
    }  # fmt: skip
