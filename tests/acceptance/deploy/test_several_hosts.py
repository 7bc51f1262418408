"""The guide of workers on several hosts, followed by two hosts that share a folder and a Postgres database.

A host is a name of its own and a mount of the folder (FUSE), whose locks do not reach the other one.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
import yaml

from tests.acceptance.test_documentation import GUIDES, blocks_of, commands_of, matches, words_of
from tests.support import postgres_server
from tests.support.model_module import model_module
from tests.support.waiting import text_of
from themis.core.stores.postgres.store import PostgresRunStore

GUIDE = GUIDES / "workers-on-several-hosts.md"
LEASE_S = 3.0
CASES = 8
VARIABLE = "THEMIS_DATABASE_URL"
BINDFS = shutil.which("bindfs")
UNMOUNT = shutil.which("fusermount3") or shutil.which("fusermount") or "fusermount"
UNSHARE = shutil.which("unshare") or "unshare"
# Notes each call. On the host `b` it answers four cases, and then none.
MODEL = model_module("""
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{os.uname().nodename} {case.case_id}\\n")
    if os.uname().nodename == "b" and case.case_id >= "c4":
        (HERE / "stuck").write_text(str(os.getpid()))
        await asyncio.sleep(60)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")

pytestmark = pytest.mark.slow


class Host:
    """A host: its name, its folder, and in that its mount of the share."""

    def __init__(self, name: str, folder: Path, share: Path, url: str) -> None:
        """Mount the share; the test is skipped where that is not permitted."""
        self.name = name
        self.folder = folder / name
        self._url = url
        (self.folder / "share").mkdir(parents=True)
        mounting = [str(BINDFS), "--no-allow-other", str(share), str(self.folder / "share")]
        done = subprocess.run(mounting, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"FUSE cannot be used here: {done.stderr.strip()}")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command on this host."""
        shell = 'hostname "$0" && exec "$@"'
        return subprocess.Popen(
            [UNSHARE, "--uts", "sh", "-c", shell, self.name, sys.executable, "-m", "themis", *words],
            cwd=self.folder, env={**os.environ, VARIABLE: self._url}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        """Do a command on this host, which must succeed; what it prints."""
        process = self.start(*words)
        printed, errors = process.communicate(timeout=120)
        assert process.returncode == 0, f"{self.name}: {words} ended with {process.returncode}\n{printed}{errors}"
        return printed

    def unmount(self) -> None:
        subprocess.run([UNMOUNT, "-u", "-z", str(self.folder / "share")], check=False, capture_output=True)


@pytest.fixture
def url() -> str:
    """The address of an empty database."""
    return postgres_server.schema_url()


@pytest.fixture
def hosts(url: str) -> Iterator[tuple[Host, Host]]:
    if BINDFS is None:
        pytest.skip("bindfs is not installed")
    if subprocess.run([UNSHARE, "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not give a process a host name of its own")
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "share").mkdir(mode=0o700)
        made = [Host(host, Path(name), Path(name) / "share", url) for host in ("a", "b")]
        yield made[0], made[1]
        for host in made:
            host.unmount()


def test_the_guide_is_followed_by_two_hosts_in_turn(hosts: tuple[Host, Host]) -> None:
    blocks = list(blocks_of(GUIDE))
    for block in blocks:
        if block.name:
            for host in hosts:
                (host.folder / block.name).write_text(block.text)
    turns = cycle(hosts)
    for block in blocks:
        if block.language != "console":
            continue
        host = next(turns)  # what one submits another one carries out, and the first looks at it
        for command, expected in commands_of(block):
            printed = host.run(*words_of(command, block))
            assert matches(printed, expected), f"{host.name}: {command} printed\n{printed}"
    queue = hosts[0].folder / "share" / "queue"
    assert json.loads((queue / "queue.json").read_text())["shared"] is True
    (log,) = (queue / "journal").glob("*.jsonl")
    assert [json.loads(line)["move"] for line in log.read_text().splitlines()] == ["submit", "claim", "settle"]


def _submit_many(hosts: tuple[Host, Host]) -> Path:
    """Submit an experiment of which a host `b` does a part; the queue."""
    cases = [{"case_id": f"c{no}", "input": "x", "expected_output": "y"} for no in range(CASES)]
    document = {
        "generation": {"generator": "model_on_hosts:Model"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "postgres", "parameters": {"url": f"env:{VARIABLE}"}},
        "runtime": {"queue_root": "share/queue", "max_concurrent_tasks": 1},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    first = hosts[0].folder
    (first / "model_on_hosts.py").write_text(MODEL)
    (first / "experiment.yaml").write_text(yaml.safe_dump(document))
    hosts[0].run("submit", "experiment.yaml")
    queue = first / "share" / "queue"
    file = queue / "queue.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lease_s": LEASE_S}))
    return queue


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["is killed", "is suspended"])
def test_a_host_that_fails_in_the_middle_of_a_job_is_relieved_and_no_committed_case_is_asked_for_again(
    hosts: tuple[Host, Host], url: str, fate: signal.Signals
) -> None:
    queue = _submit_many(hosts)
    at = ("--queue-root", "share/queue")
    failing = hosts[1].start("worker", "run", *at)
    text_of(hosts[0].folder / "stuck")
    time.sleep(1.0)  # what it has answered is stored
    os.killpg(failing.pid, fate)
    failed_s = time.monotonic()
    try:
        until_s = failed_s + 60
        done = {"status": "idle"}
        while done["status"] == "idle" and time.monotonic() < until_s:
            done = json.loads(hosts[0].run("worker", "run", *at))
        assert done["status"] == "completed"
        assert time.monotonic() - failed_s > LEASE_S / 2, "its lease was not respected"
    finally:
        os.killpg(failing.pid, signal.SIGCONT if fate is signal.SIGSTOP else signal.SIGKILL)
    _, errors = failing.communicate(timeout=90)
    if fate is signal.SIGSTOP:
        assert "had lost the job, which is done, attempt 2" in errors
    calls = (hosts[0].folder / "calls").read_text().splitlines()
    assert calls == [*(f"b c{no}" for no in range(5)), *(f"a c{no}" for no in range(4, CASES))]
    with closing(PostgresRunStore(url)) as store:
        (run,) = store.list_runs()
        assert (run.status.value, store.count_ends(run.run_id)) == ("completed", (CASES, 0))
        (row,) = store.jobs.jobs_of(json.loads((queue / "queue.json").read_text())["queue_id"])
        attempts = [(attempt.cause, attempt.host) for attempt in store.jobs.attempts(row.key)]
    assert attempts == [("worker lost", "b"), ("done", "a")]
    assert len(list((queue / "done").iterdir())) == 1
