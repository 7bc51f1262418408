"""How a worker begins, is told things, stops, and is followed by another."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from tests.processes.worker_world import PATIENCE_S, World, is_gone, stop
from tests.support.waiting import until
from themis.cli.main import main
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue
from themis.core.queue.folder.worker_registry import SeenWorker, request_stop, workers_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


def the_worker(world: World) -> SeenWorker:
    """The one worker that lives, as soon as it has said so."""
    until(lambda: any(seen.alive for seen in workers_of(world.queue_root)), "a worker to register")
    return next(seen for seen in workers_of(world.queue_root) if seen.alive)


def calls(world: World) -> list[str]:
    path = world.folder / "calls"
    return path.read_text().split() if path.exists() else []


def tell(world: World) -> None:
    """Let what runs `until told` end, once the worker takes no more jobs."""
    until(lambda: "stopping" in world.said() or "no more jobs are taken" in world.said(), "it to take no more jobs")
    (world.folder / "told").touch()


@pytest.mark.slow
def test_a_first_signal_lets_what_runs_end(world: World) -> None:
    running, queued = world.submit("until told"), world.submit("well")
    with world.daemon() as daemon:
        world.wait_for(running, "running")
        daemon.send_signal(signal.SIGTERM)
        tell(world)
        assert daemon.wait(30) == 0, world.said()
    assert (world.state(running), world.state(queued)) == ("done", "queued")


@pytest.mark.slow
def test_at_the_end_of_its_grace_runs_are_given_back_uncharged_and_go_on_where_they_were(world: World) -> None:
    key = world.submit("well", "well", "wait 1.2")
    with world.daemon("--grace", "0.2") as daemon:
        until(lambda: "c2" in calls(world), "the last case to begin")
        time.sleep(0.5)  # what ended before is committed
        assert stop(daemon) == 5, world.said()
    row = world.show(key).row
    assert (row.state, row.failures, row.lost) == ("queued", 0, 0)
    assert [attempt.cause for attempt in world.show(key).attempts] == ["given back"]
    with world.daemon("--drain") as daemon:
        assert daemon.wait(60) == 0
    assert world.state(key) == "done"
    assert calls(world) == ["c0", "c1", "c2", "c2"]


@pytest.mark.slow
def test_a_second_signal_ends_at_once(world: World) -> None:
    key = world.submit("hang deaf")
    with world.daemon("--grace", "600", "--job-grace", "600") as daemon:
        world.noted("hanging")
        assert stop(daemon, times=2, patience_s=5.0) == 6, world.said()
    assert world.show(key).row.failures == 0
    assert world.state(key) == "queued"


@pytest.mark.slow
def test_the_interrupt_of_a_terminal_reaches_the_worker_alone(world: World) -> None:
    key = world.submit("until told")
    with world.daemon() as daemon:
        world.wait_for(key, "running")
        daemon.send_signal(signal.SIGINT)
        tell(world)
        assert daemon.wait(30) == 0, world.said()
    assert world.state(key) == "done"


@pytest.mark.slow
def test_a_request_to_stop_lets_everything_end_however_long_it_takes(world: World) -> None:
    key = world.submit("wait 1.5")
    with world.daemon("--grace", "0.1") as daemon:
        world.wait_for(key, "running")
        request_stop(world.queue_root, [the_worker(world).report.worker])
        assert daemon.wait(30) == 0, world.said()
    assert world.state(key) == "done"
    assert workers_of(world.queue_root) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "done"), [(("--max-jobs", "1"), 1), (("--max-idle", "0.05"), 2), (("--max-rss", "1"), 0)]
)
def test_a_worker_ends_by_itself_when_it_is_told_to(world: World, options: tuple[str, ...], done: int) -> None:
    keys = [world.submit("well"), world.submit("leave a grandchild")]
    with world.daemon(*options) as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert [world.state(key) for key in keys].count("done") == done


@pytest.mark.slow
def test_settings_are_read_again_on_sighup_and_bad_ones_change_nothing(world: World) -> None:
    settings = world.folder / "worker.toml"
    settings.write_text("slots = 1\n")
    world.submit("well")
    with world.daemon("--settings", str(settings)) as daemon:
        assert len(the_worker(world).report.slots) == 1
        settings.write_text("slots = 3\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: len(the_worker(world).report.slots) == 3, "three slots")
        settings.write_text("slots = 'many'\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: "the settings could not be reloaded" in world.said(), "the refusal")
        settings.write_text("slots = 1\ngrace = 0.1\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: len(the_worker(world).report.slots) == 1, "one slot")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: "were reloaded changed=nothing" in world.said(), "a word that nothing has changed")
        assert 'were reloaded changed=["slots","grace"]' in world.said()
        assert stop(daemon) == 0


@pytest.mark.slow
def test_each_slot_has_its_device_and_a_job_has_the_secrets_that_it_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for everybody")
    monkeypatch.setenv("HF_TOKEN", "for this one")
    environment = {"GREETING": "hello", "TOKEN_OF_MINE": "${HF_TOKEN}"}
    world.submit("tell its environment", environment=environment)
    with world.daemon("--devices", "3,1", "--drain") as daemon:
        assert daemon.wait(60) == 0, world.said()
    found = json.loads((world.folder / "environment").read_text())
    assert found["CUDA_VISIBLE_DEVICES"] in {"3", "1"}
    assert (found["GREETING"], found["TOKEN_OF_MINE"], found["HF_TOKEN"]) == ("hello", "for this one", "for this one")
    assert "OPENAI_API_KEY" not in found
    assert b"for this one" not in b"".join(path.read_bytes() for path in world.folder.rglob("*.log"))


@pytest.mark.slow
def test_a_worker_takes_only_what_its_tags_allow(world: World) -> None:
    plain, gpu = world.submit("well"), world.submit("leave a grandchild", tags=["gpu"])
    with world.daemon("--drain") as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert (world.state(plain), world.state(gpu)) == ("done", "queued")
    with world.daemon("--drain", "--tags", "gpu,big") as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert world.state(gpu) == "done"


@pytest.mark.slow
def test_a_running_job_is_cancelled_within_a_second(world: World) -> None:
    key = world.submit("wait 60", "well")
    with world.daemon() as daemon:
        until(lambda: calls(world), "the run to begin")
        stores = StoreCache()
        began_s = time.monotonic()
        FileQueue(world.queue_root, stores).admin.cancel(key)
        world.wait_for(key, "cancelled")
        assert time.monotonic() - began_s < 3.0  # a second, and what a busy machine adds
        stores.close()
        assert stop(daemon) == 0


# It takes seconds, and is quick all the same: of what a queue promises this is the part that all else is for.
def test_the_job_of_a_worker_that_was_killed_is_run_by_another_within_seconds(world: World) -> None:
    key = world.submit("until told", max_worker_lost=5)
    with world.daemon() as first, world.daemon() as second:
        world.wait_for(key, "running")
        owner = world.show(key).row.owner
        assert owner is not None
        victim, heir = (first, second) if first.pid == owner.pid else (second, first)
        victim.kill()
        victim.wait()
        began_s = time.monotonic()
        until(lambda: world.show(key).row.attempt == 2, "another attempt", 10.0)
        assert time.monotonic() - began_s < 6.0  # two seconds, and what a busy machine adds
        (world.folder / "told").touch()
        details = world.wait_for(key, "done")
        assert [attempt.cause for attempt in details.attempts] == ["worker lost", "done"]
        assert stop(heir) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "isolation",
    ["namespace", *(pytest.param(name, marks=pytest.mark.slow) for name in ("supervisor", "group"))],
)
def test_a_slot_whose_supervisor_is_killed_is_replaced_and_its_job_tried_again(world: World, isolation: str) -> None:
    key = world.submit("wait 1.5")
    with world.daemon("--isolation", isolation) as daemon:
        world.wait_for(key, "running")
        until(lambda: the_worker(world).report.slots[0].pid, "the job's process to be known")
        victims = children(daemon.pid)  # the fork server, and with it, or after it, every supervisor
        if isolation == "group":  # where they do not die with it
            victims += [pid for child in victims for pid in children(child)]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        details = world.wait_for(key, "done")
        assert [attempt.cause for attempt in details.attempts][-1] == "done"
        assert stop(daemon) == 0, world.said()


@pytest.mark.slow
def test_a_suspended_worker_keeps_its_job_until_it_goes_on(world: World) -> None:
    key = world.submit("wait 1.0")
    with world.daemon() as first:
        world.wait_for(key, "running")
        first.send_signal(signal.SIGSTOP)
        with world.daemon() as second:
            until(lambda: sum(seen.alive for seen in workers_of(world.queue_root)) == 2, "the second to register")
            time.sleep(2.0)
            assert (world.state(key), world.show(key).row.attempt) == ("running", 1)
            first.send_signal(signal.SIGCONT)
            assert [attempt.cause for attempt in world.wait_for(key, "done").attempts] == ["done"]
            assert stop(second) == 0
        assert stop(first) == 0


@pytest.mark.slow
def test_a_job_whose_only_case_kills_its_worker_three_times_ends_in_failed_with_its_history(world: World) -> None:
    key = world.submit("hang deaf")
    for attempt in range(1, 4):
        (world.folder / "hanging").unlink(missing_ok=True)
        with world.daemon() as daemon:
            world.noted("hanging")
            assert world.show(key).row.attempt == attempt
            daemon.kill()
            daemon.wait()
    with world.daemon("--drain") as daemon:
        assert daemon.wait(60) == 0
    details = world.show(key)
    assert details.row.state == "failed"
    assert [attempt.cause for attempt in details.attempts] == ["worker lost"] * 3 + ["failed cases"]
    assert all("died in attempt" in attempt.message for attempt in details.attempts[:3])
    assert "died whenever this case was in flight" in details.attempts[3].message


@pytest.mark.slow
def test_nothing_is_taken_while_the_disk_is_nearly_full(world: World) -> None:
    key = world.submit("well")
    with world.daemon("--min-free-mb", str(2**40)) as daemon:
        until(lambda: "are free, fewer than" in world.said(), "it to say so")
        until(lambda: the_worker(world).report.state == "waiting", "it to report so")
        assert world.state(key) == "queued"
        assert stop(daemon) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--slots", "0"), "slots: "),
        (("--slots", "3", "--devices", "0,1"), "3 slots have only 2 devices"),
        (("--tags", "Not A Tag"), "tag"),
        (("--name", "a/b"), "letters, digits"),
        (("--settings", "/nowhere/worker.toml"), "cannot be read"),
        (("--isolation", "wishful"), "is not one of"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line(
    world: World, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["worker", "--drain", "--queue-root", str(world.queue_root), *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_jobs_of_earlier_workers_are_seen_to_be_gone(world: World) -> None:
    world.submit("hang")
    with world.daemon("--isolation", "supervisor") as daemon:
        hanging = world.noted("hanging")
        daemon.kill()
        daemon.wait()
        until(lambda: is_gone(hanging), "the job to be gone", 5.0)


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


@pytest.mark.slow
def test_systemd_hears_that_a_worker_is_ready_what_it_does_and_that_it_stops(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(world.folder / "n"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(world.folder / "n"))
        key = world.submit("wait 600")
        heard: list[str] = []
        with world.daemon("--grace", "0") as daemon:
            world.wait_for(key, "running")
            while "STATUS=running, 1 of 1 slots busy" not in heard:
                heard += manager.recv(4_096).decode().splitlines()
            assert stop(daemon) == 5, world.said()
            while "STOPPING=1" not in heard:
                heard += manager.recv(4_096).decode().splitlines()
        assert heard.index("READY=1") < heard.index("STATUS=running, 1 of 1 slots busy")


def fork_server_of(worker: int) -> psutil.Process:
    """The child of a worker that forks its supervisors."""
    until(lambda: bool(psutil.Process(worker).children()), "a fork server")
    return psutil.Process(worker).children()[0]


def open_files(pid: int) -> list[str]:
    """The files that a process has open, without their numbers."""
    return sorted(re.sub(r"\d+", "N", str(path.readlink())) for path in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.slow
def test_the_library_is_in_memory_once(world: World) -> None:
    with world.daemon() as daemon:
        world.wait_for(world.submit("well"), "done")
        for process in (psutil.Process(daemon.pid), fork_server_of(daemon.pid)):
            memory = process.memory_full_info()
            assert memory.uss < memory.rss / 2
        assert stop(daemon) == 0


@pytest.mark.slow
def test_a_job_finds_the_same_whether_its_fork_server_was_forked_or_is_a_program_of_its_own(world: World) -> None:
    with world.daemon() as daemon:
        world.wait_for(world.submit("tell what it finds"), "done")
        forked = fork_server_of(daemon.pid)
        of_forked = open_files(forked.pid)
        forked.kill()
        until(lambda: is_gone(forked.pid), "the fork server to be gone")
        until(lambda: "the fork server was lost" in world.said(), "another to be started")
        world.wait_for(world.submit("tell what it finds", "well"), "done")
        assert open_files(fork_server_of(daemon.pid).pid) == of_forked
        assert stop(daemon) == 0
    (first, second) = (world.folder / "found").read_text().splitlines()
    assert json.loads(first) == json.loads(second)
