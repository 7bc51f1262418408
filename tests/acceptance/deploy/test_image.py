"""The image is built and used, on its own base where that can be fetched, else on one made of Debian packages."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.deployment import DEPLOY, TOP, root_only, run, tool

pytestmark = pytest.mark.slow

# How this machine gets packages; the build needs it too.
PACKAGE_SETTINGS = ("/etc/pip.conf", "/etc/ssl/certs")
DEBIAN, DEBIAN_PYTHON = "bookworm", "3.11"
PATH = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

Buildah = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Buildah]:
    """Buildah with a storage of its own, which runs what it builds in a chroot."""
    root_only("to build an image")
    program = tool("buildah", "Debian's buildah")
    storage = ("--root", tmp_path / "storage", "--runroot", tmp_path / "run", "--storage-driver", "vfs")

    def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return run(program, *storage, *words, BUILDAH_ISOLATION="chroot")

    yield call
    call("rm", "--all")
    call("rmi", "--all", "--force")
    for folder in ("storage", "run", "base"):  # hundreds of megabytes
        shutil.rmtree(tmp_path / folder, ignore_errors=True)


@pytest.fixture
def base(buildah: Buildah, tmp_path: Path) -> tuple[str, ...]:
    """Build arguments that name a base image which is here."""
    default = {
        line.partition("=")[0].split()[1]: line.partition("=")[2]
        for line in (DEPLOY / "docker/Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("ARG ")
    }
    if buildah("pull", f"docker://python:{default['PYTHON']}-slim-{default['DEBIAN']}").returncode == 0:
        return ()
    debootstrap = tool("debootstrap", "Debian's debootstrap, as the base image cannot be fetched here")
    packages = "--include=ca-certificates,python3,python3-venv"
    made = run(debootstrap, "--variant=minbase", packages, DEBIAN, tmp_path / "base")
    if made.returncode != 0:
        pytest.skip(f"no base image can be fetched or made here: {made.stdout[-200:]}")
    (tmp_path / "base/usr/bin/python").symlink_to("python3")
    container = buildah("from", "scratch").stdout.strip()
    for words in (
        ("copy", "--quiet", container, tmp_path / "base", "/"),
        ("config", "--env", PATH, container),
        ("commit", "--quiet", container, f"python:{DEBIAN_PYTHON}-slim-{DEBIAN}"),
    ):
        done = buildah(*words)
        assert done.returncode == 0, done.stderr
    return ("--build-arg", f"PYTHON={DEBIAN_PYTHON}", "--build-arg", f"DEBIAN={DEBIAN}")


def test_the_image_can_be_built_and_an_ordinary_user_runs_an_experiment_in_it(
    buildah: Buildah, base: tuple[str, ...]
) -> None:
    mounts = [f"--volume={path}:{path}:ro" for path in PACKAGE_SETTINGS if Path(path).exists()]
    options = ("--pull-never", "--format", "docker", "--network", "host", *mounts, *base)
    built = buildah("bud", *options, "--tag", "themis-test", "--file", DEPLOY / "docker/Dockerfile", TOP)
    assert built.returncode == 0, built.stderr

    container = buildah("from", "--pull-never", "themis-test").stdout.strip()
    script = """
        id --user
        themis init --path /data --provider demo 2>/data/next
        themis submit /data/experiment.yaml >/data/submitted
        themis worker run --queue-root /data/runs/queue | grep --only-matching completed
        themis worker start --queue-root runs/queue --health-file /tmp/themis-health --metrics-port 0 2>said &
        until themis worker health --file /tmp/themis-health 2>/dev/null; do kill -0 $!; sleep 0.2; done
        kill $!
        wait $!
        ! touch /opt/themis/file 2>/data/errors
    """
    told = buildah("run", container, "--", "sh", "-euc", script)
    assert told.returncode == 0, told.stderr
    assert re.sub(r"heartbeat [0-9.]+ s", "heartbeat now", told.stdout).splitlines() == [
        "10001",
        "/data",
        "completed",
        "healthy: running, 0 of 1 slots busy, heartbeat now ago",
    ]
