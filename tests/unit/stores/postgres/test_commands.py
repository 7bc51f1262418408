"""Commands and a worker daemon with a store in Postgres."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support import postgres_server
from tests.support.command_here import done_here

THEMIS = Path(sysconfig.get_path("scripts")) / "themis"
EXPERIMENT = """
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match]}
storage: {store: postgres, parameters: {url: "env:THEMIS_DATABASE_URL"}}
datasets:
  - {dataset_id: sums, cases: [{case_id: one, input: "1 + 1", expected_output: "2"}]}
"""


def themis(folder: Path, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [THEMIS, *arguments],
        cwd=folder,
        env={**os.environ, "THEMIS_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_a_worker_daemon_carries_out_what_was_submitted_and_everybody_sees_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    submitted = json.loads(themis(tmp_path, url, "submit", "e.yaml").stdout)
    done = themis(tmp_path, url, "worker", "start", "--max-idle", "0.5")
    assert done.returncode == 0, done.stderr
    assert "cause=done" in done.stderr
    (tmp_path / "elsewhere").mkdir()  # where nothing but the experiment is known
    (tmp_path / "elsewhere" / "e.yaml").write_text(EXPERIMENT)
    for command in (["list", "--config", "e.yaml"], ["status", "--config", "e.yaml"]):
        (run,) = json.loads(themis(tmp_path / "elsewhere", url, *command, "--json").stdout)
        assert (run["run_id"], run["state"]) == (submitted["run_id"], "completed")
    found = themis(tmp_path, url, "queue", "doctor")
    assert (found.returncode, "Nothing is out of place" in found.stdout) == (0, True)


@pytest.mark.not_smoke
def test_commands_without_their_server_are_one_line_and_exit_code_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    monkeypatch.setenv("THEMIS_DATABASE_URL", "postgresql://ann:secret@127.0.0.1:1/results")
    for command in ("run", "submit"):
        done = done_here(tmp_path, [command, "e.yaml"], capsys)
        assert (done.code, done.out) == (4, "")
        assert "postgresql://127.0.0.1:1/results: the database server cannot be reached" in done.err
        assert len(done.err.splitlines()) == 1
        assert "secret" not in done.err


@pytest.mark.not_smoke
def test_the_tables_are_made_by_a_command_of_their_owner(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    monkeypatch.setenv("THEMIS_DATABASE_URL", url)
    done = done_here(tmp_path, ["store", "upgrade", "e.yaml"], capsys)
    label = url.replace(f"{postgres_server.USER}@", "").partition("?")[0]
    assert json.loads(done.out) == {"store": label, "status": "ready"}
