"""What a daemon needs of its machine: as much as is there, and never more than POSIX."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from tests.processes.worker_world import PATIENCE_S, REPOSITORY, World, is_gone, stop
from tests.support.waiting import until
from themis.core.queue.folder.worker_registry import workers_of
from themis.core.queue.model import layout

HIDE_PROC = 'mount -t tmpfs none /proc && exec "$@"'


class BlindWorld(World):
    """A world whose daemons see no `/proc`."""

    def command_prefix(self) -> Sequence[str]:
        return ("unshare", "--mount", "sh", "-c", HIDE_PROC, "sh")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


@pytest.fixture
def blind(tmp_path: Path) -> BlindWorld:
    made = BlindWorld(tmp_path)
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nobody may hide /proc from a daemon here, or util-linux is missing")
    if subprocess.run([*made.command_prefix(), "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("/proc cannot be hidden here")
    made.prepare()
    return made


def below(pid: int) -> dict[int, str]:
    """The processes below one, by number, with their names."""
    found = {}
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found[child.pid] = child.name()
    return found


@pytest.mark.slow
def test_where_no_process_is_shown_jobs_run_are_cancelled_and_stopped_by_their_groups(blind: BlindWorld) -> None:
    well, hanging = blind.submit("well"), blind.submit("leave a child, then hang")
    limited = blind.submit("hang", timeout_s=0.5)
    with blind.daemon("--isolation", "group", "--job-grace", "0.3", "--slots", "2") as daemon:
        blind.wait_for(well, "done")
        blind.wait_for(limited, "failed")
        child = blind.noted("grandchild")
        assert blind.themis("queue", "cancel", hanging, "--queue-root", str(blind.queue_root)).returncode == 0
        blind.wait_for(hanging, "cancelled")
        until(lambda: is_gone(child), "what the job left to be gone", 5.0)
        assert stop(daemon) == 0, blind.said()
    assert [attempt.cause for attempt in blind.show(limited).attempts] == ["time limit"]


@pytest.mark.slow
def test_where_no_process_is_shown_nothing_of_a_job_outlives_its_worker(blind: BlindWorld) -> None:
    blind.submit("leave a child, then hang")
    with blind.daemon("--isolation", "group") as daemon:
        child, everybody = blind.noted("grandchild"), below(daemon.pid)
        daemon.kill()
        daemon.wait()
        until(lambda: is_gone(child) and all(map(is_gone, everybody)), "everything to be gone", 10.0)


@pytest.mark.slow
def test_where_no_process_is_shown_the_best_that_is_possible_is_taken_all_the_same(blind: BlindWorld) -> None:
    key = blind.submit("well")
    with blind.daemon("--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, blind.said()
    assert blind.state(key) == "done"
    with blind.daemon("--isolation", "supervisor") as daemon:
        assert daemon.wait(PATIENCE_S) == 2
    last = blind.said().splitlines()[-1]
    assert "--isolation supervisor is not possible here: /proc does not show the processes" in last
    assert "Traceback" not in blind.said()


@pytest.mark.slow
def test_an_isolation_that_is_not_possible_is_one_clear_line(world: World) -> None:
    program = (
        "import sys; from themis_workers import linux\n"
        "def refuse(): raise PermissionError(1, 'Operation not permitted')\n"
        "linux.leave_pid_namespace = refuse\n"
        "from themis.cli.main import main; sys.exit(main())"
    )
    options = ["worker", "start", "--queue-root", str(world.queue_root), "--isolation", "namespace"]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=REPOSITORY,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("themis: error: --isolation namespace is not possible here: no PID namespace with a /proc")
    assert line.endswith("(Operation not permitted); use --isolation auto, the best that this machine permits")
    assert not world.queue_root.exists(), "nothing was made for a worker that cannot be"


@pytest.mark.slow
def test_a_job_whose_supervisor_and_worker_die_at_once_ends_itself(world: World) -> None:
    world.submit("hang")
    with world.daemon("--isolation", "group") as daemon:
        job = world.noted("hanging")
        others = [pid for pid in below(daemon.pid) if pid != job]
        for pid in (*others, daemon.pid):
            os.kill(pid, signal.SIGSTOP)  # nobody of them can notice the others' end
        for pid in (*others, daemon.pid):
            os.kill(pid, signal.SIGKILL)
        try:
            until(lambda: is_gone(job), "the job to end itself", 10.0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(job, signal.SIGKILL)


@pytest.mark.slow
def test_the_former_name_of_an_isolation_is_still_understood(world: World) -> None:
    key = world.submit("well")
    with world.daemon("--isolation", "supervisor", "--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, world.said()
    assert world.state(key) == "done"


@pytest.mark.slow
def test_a_file_that_a_hand_moved_in_is_found_by_looking(world: World) -> None:
    key = world.submit("well")
    (path,) = (world.queue_root / layout.QUEUED).iterdir()
    aside = world.queue_root / layout.TMP / "aside.json"
    path.rename(aside)
    with world.daemon() as daemon:
        until(lambda: any(seen.alive for seen in workers_of(world.queue_root)), "a worker to register")
        until(lambda: "worker is ready" in world.said(), "it to be ready")
        aside.rename(path)  # and nobody rings
        until(lambda: world.state(key) != "queued", "it to be found within two rescans and a busy machine's delay", 6.0)
        world.wait_for(key, "done")
        assert stop(daemon) == 0


@pytest.mark.slow
def test_a_worker_that_cannot_watch_says_so_once_and_finds_jobs_by_looking(world: World) -> None:
    first = world.submit("well")
    folder = world.queue_root / layout.BELL
    (folder / layout.RING).unlink()
    folder.rmdir()
    folder.write_text("no folder")
    with world.daemon() as daemon:
        world.wait_for(first, "done")
        second = world.submit("well", "well")
        world.wait_for(second, "done")
        assert stop(daemon) == 0
    assert world.said().count("are found by rescanning") == 1
