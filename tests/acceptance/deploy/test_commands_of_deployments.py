"""What the files of `deploy/` have Themis do is what Themis can do."""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.deployment import DEPLOY, SCRIPTS, fitted, run, themis_help
from themis.cli.worker.health import UNHEALTHY
from themis_workers.reporting import FAREWELL_S
from themis_workers.settings import WorkerSettings


def dockerfile_words(instruction: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    text = (DEPLOY / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(rf"^\s*{instruction}\s[^[]*(\[.+\])$", text, re.MULTILINE)
    assert found is not None
    return [str(word) for word in json.loads(found[1])]


def containers_of(document: object) -> Iterator[list[str]]:
    """The arguments of each container in a Kubernetes document."""
    if isinstance(document, dict):
        if "args" in document:
            yield [str(word) for word in document["args"]]
        for value in document.values():
            yield from containers_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from containers_of(value)


def all_commands() -> Iterator[tuple[str, list[str]]]:
    """Each command in `deploy/`, and the file that it stands in."""
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        start = re.search(r"^ExecStart=\S+ (.+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
        assert start is not None
        yield unit.name, shlex.split(start[1])
    for line in (DEPLOY / "cron/themis").read_text(encoding="utf-8").splitlines():
        if found := re.search(r"^(?:# )?\* .*?themis (worker [^>]+)>>", line):
            yield "cron", shlex.split(found[1])
    yield "Dockerfile", dockerfile_words("CMD")
    yield "Dockerfile", dockerfile_words("HEALTHCHECK")[1:]
    for name, service in yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text("utf-8"))["services"].items():
        yield f"compose {name}", service["command"]
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            yield from ((file.name, words) for words in containers_of(document))
    script = re.sub(r"^#.*$| # .*$", "", (DEPLOY / "slurm/themis-worker.sbatch").read_text("utf-8"), flags=re.MULTILINE)
    yield "Slurm", ["worker", "start", *re.findall(r"(?<=[\s(])--[a-z-]+", script)]


COMMANDS = [pytest.param(words, id=f"{place} {number}") for number, (place, words) in enumerate(all_commands())]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_is_one(words: list[str]) -> None:
    command = [word for word in words if not word.startswith(("-", "/", "$"))]
    shown = themis_help(*(command[:1] if command[0] == "submit" else command[:2]))
    assert shown.returncode == 0, shown.stderr
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options
    assert options <= set(re.findall(r"--[a-z-]+", shown.stdout))


def test_every_form_of_deployment_is_looked_at() -> None:
    places = [place for place, _ in all_commands()]
    assert len(places) == len(COMMANDS)
    assert {"Dockerfile", "Slurm", "cron", "compose worker", "compose submit", "job.yaml"} <= set(places)


def probes_of(document: object) -> Iterator[list[str]]:
    """The commands of the probes in a Kubernetes document."""
    if isinstance(document, dict):
        if "exec" in document:
            yield document["exec"]["command"]
        for value in document.values():
            yield from probes_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from probes_of(value)


def test_every_probe_asks_for_the_same_and_of_the_file_that_the_worker_writes() -> None:
    asked = dockerfile_words("HEALTHCHECK")
    pods = list(yaml.safe_load_all((DEPLOY / "kubernetes/deployment.yaml").read_text("utf-8")))
    assert list(probes_of(pods)) == [asked, asked]
    compose = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text("utf-8"))["services"]["worker"]["command"]
    for words in (dockerfile_words("CMD"), compose, *containers_of(pods)):
        assert f"--health-file {asked[-1]}" in " ".join(words).replace("=", " ")


def test_the_image_has_what_its_workers_are_asked_for() -> None:
    dockerfile = (DEPLOY / "docker/Dockerfile").read_text("utf-8")
    assert any("--metrics-port" in word for _, words in all_commands() for word in words)
    assert "pip install --no-cache-dir '.[metrics]'" in dockerfile


def test_each_manager_waits_for_longer_than_the_worker_takes_to_stop() -> None:
    defaults = WorkerSettings()
    to_the_end = defaults.job_grace + FAREWELL_S
    unit = (DEPLOY / "systemd/themis-worker@.service").read_text("utf-8")
    compose = (DEPLOY / "docker/compose.yaml").read_text("utf-8")
    pods = "".join(file.read_text("utf-8") for file in (DEPLOY / "kubernetes").glob("*.yaml"))
    waits = [
        *re.findall(r"TimeoutStopSec=(\d+)$", unit, re.MULTILINE),
        *re.findall(r"stop_grace_period: (\d+)s", compose),
        *re.findall(r"terminationGracePeriodSeconds: (\d+)", pods),
    ]
    assert len(waits) == 4
    assert min(map(int, waits)) > defaults.grace + to_the_end
    script = (DEPLOY / "slurm/themis-worker.sbatch").read_text("utf-8")
    signalled, grace = re.search(r"B:USR1@(\d+)", script), re.search(r"--grace (\d+)", script)
    assert signalled is not None
    assert grace is not None
    assert int(signalled[1]) > int(grace[1]) + to_the_end


@pytest.mark.slow
def test_the_image_s_worker_keeps_the_file_fresh_that_its_health_check_looks_for(tmp_path: Path) -> None:
    # Its folders are here; its queue is not there yet, as in a new volume.
    words, check = (
        [re.sub(r"(?<!\S)/(?:data|tmp)/", f"{tmp_path}/", word) for word in dockerfile_words(instruction)]
        for instruction in ("CMD", "HEALTHCHECK")
    )
    check[0] = str(SCRIPTS / "themis")
    assert run(*check).returncode == UNHEALTHY
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen([SCRIPTS / "themis", *words], cwd=tmp_path, stderr=said) as worker,
    ):
        try:
            deadline = time.monotonic() + 30
            while run(*check).returncode != 0 and worker.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
            assert run(*check).returncode == 0, (tmp_path / "said").read_text("utf-8")
            worker.terminate()
            assert worker.wait(timeout=30) == 0
        finally:
            worker.kill()


@pytest.mark.slow
def test_a_cron_line_does_what_it_says_when_a_shell_runs_it(tmp_path: Path) -> None:
    commands = re.findall(r"^(?:# )?\* \* \* \* \* root (.+)$", fitted(DEPLOY / "cron/themis", tmp_path), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = run("/bin/sh", "-c", command, PATH=f"{SCRIPTS}:/usr/bin:/bin")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    log = (tmp_path / "worker.log").read_text(encoding="utf-8").splitlines()
    assert [line for line in log if line.startswith("{")] == ['{"status":"idle"}'] * 2
