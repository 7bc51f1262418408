"""Cron itself runs what was submitted."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.support.deployment import DEPLOY, fitted, root_only, run, tool

pytestmark = pytest.mark.slow

CALLS = 3  # in each minute
EXPERIMENTS = 2
PRIVATE_CRON = """
mount --make-rprivate /
mount --bind {folder}/cron.d /etc/cron.d
mount --bind {folder}/empty /etc/crontab
mount -t tmpfs none /var/spool/cron/crontabs
mount -t tmpfs none /run
exec {cron} -f
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with as many experiments in its queue as are tried."""
    for number in range(EXPERIMENTS):
        case = {"case_id": "c", "input": "1", "expected_output": "1"}
        document = {
            "generation": {"generator": "builtin/demo_generator"},
            "evaluation": {"metrics": ["builtin/exact_match"]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": f"d{number}", "cases": [case]}],
        }
        (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        words = ("submit", "--config", "experiment.yaml", "--mode", "worker-pool")
        assert run(sys.executable, "-m", "themis", *words, cwd=tmp_path).returncode == 0
    return tmp_path


@pytest.fixture
def cron(folder: Path) -> Iterator[None]:
    """A cron that sees no table but ours, with our line in it several times."""
    root_only("cron reads its tables as root")
    program, unshare = tool("cron", "Debian's cron"), tool("unshare", "util-linux")
    if run(unshare, "--mount", "true").returncode != 0:
        pytest.skip("no mount namespace is permitted here")
    table = fitted(DEPLOY / "cron/themis", folder)
    line = next(line for line in table.splitlines() if line.startswith("*"))
    (folder / "cron.d").mkdir(mode=0o755)
    (folder / "cron.d" / "themis").write_text(table + f"{line}\n" * (CALLS - 1), encoding="utf-8")
    (folder / "cron.d" / "themis").chmod(0o644)
    (folder / "empty").touch()
    script = PRIVATE_CRON.format(folder=folder, cron=program)
    daemon = subprocess.Popen([unshare, "--mount", "sh", "-euc", script], start_new_session=True)
    yield
    os.killpg(daemon.pid, signal.SIGTERM)
    daemon.wait(timeout=30)


def test_what_was_submitted_is_run_once_though_calls_overlap(folder: Path, cron: None) -> None:
    log = folder / "worker.log"
    deadline = time.monotonic() + 100
    while (not log.exists() or log.read_text("utf-8").count("\n") < CALLS) and time.monotonic() < deadline:
        time.sleep(0.5)
    said = [json.loads(line) for line in log.read_text("utf-8").splitlines()[:CALLS]]
    assert sorted(line["status"] for line in said) == ["completed"] * EXPERIMENTS + ["idle"] * (CALLS - EXPERIMENTS)
    assert len({line["run_id"] for line in said if "run_id" in line}) == EXPERIMENTS
    with closing(sqlite3.connect(folder / "runs/themis.sqlite3")) as database:
        attempts = database.execute("SELECT count(*) FROM job_attempts").fetchone()
    assert attempts == (EXPERIMENTS,)
    assert len(list((folder / "runs/queue/done").iterdir())) == EXPERIMENTS
