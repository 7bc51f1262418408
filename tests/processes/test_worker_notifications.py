"""A worker tells a hook and a webhook of what has ended, and is held up by neither."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes.worker_world import World, stop
from tests.support.command_here import done_here
from tests.support.waiting import until
from tests.support.web_server import Request, Server, answer
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue
from themis_workers.notifications.hook import LIMIT_S
from themis_workers.reporting import FAREWELL_S

HOOK = """
import json, os, sys
event = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({**event, "state of the environment": os.environ["THEMIS_STATE"]}) + "\\n")
print("password of http://me:hunter2@host/x")
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(answer(500), answer(200)) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        made.shutdown()


def hook(world: World, code: str) -> str:
    path = world.folder / "hook.py"
    path.write_text(code)
    return f"{sys.executable} {path} {world.folder / 'told'}"


def told(world: World) -> list[dict[str, Any]]:
    path = world.folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.slow
def test_a_hook_and_a_webhook_are_told_of_each_end_once_with_its_numbers(world: World, server: Server) -> None:
    good = world.submit("well", "raise no", "raise no")
    bad = world.submit("kill itself", max_attempts=2)
    cancelled = world.submit("hang")
    webhook = server.url.replace("//", "//me:hunter2@") + "/told"
    options = ("--slots", "3", "--hook", hook(world, HOOK), "--webhook", webhook, "--name", "w")
    with world.daemon(*options) as daemon, closing(StoreCache()) as stores:
        world.noted("hanging")
        FileQueue(world.queue_root, stores).admin.cancel(cancelled)
        world.wait_for(cancelled, "cancelled")
        world.wait_for(good, "done")
        world.wait_for(bad, "failed")
        assert stop(daemon) == 0
    by_key = {event["key"]: event for event in told(world)}
    assert len(told(world)) == 2
    assert by_key.keys() == {good, bad}
    assert [by_key[key]["state"] for key in (good, bad)] == ["done", "failed"]
    assert by_key[good]["state of the environment"] == "done"
    assert by_key[good]["cases"] == {"total": 3, "done": 3, "failed": 2}
    assert by_key[good]["metric_means"] == {"builtin/exact_match": 1.0}
    assert by_key[good]["metrics"]["builtin/exact_match"]["unscored"] == 2
    assert by_key[good]["worker"] == "w"
    assert 0 < by_key[good]["started_ns"] < by_key[good]["ended_ns"] < time.time_ns()
    assert (by_key[bad]["attempt"], by_key[bad]["cause"], by_key[bad]["metric_means"]) == (2, "signal", None)
    posted = [json.loads(body) for _, _, _, body in server.seen]
    # The first answer was an error of the server's, so that one event was posted twice.
    assert sorted(event["key"] for event in posted[1:]) == sorted([good, bad])
    assert posted[0] == posted[1]
    assert {headers["Authorization"] for _, _, headers, _ in server.seen} == {"Basic bWU6aHVudGVyMg=="}
    for event in posted[1:]:
        assert event.items() <= by_key[event["key"]].items()
    assert "hunter2" not in world.said()
    assert world.said().count("hook ran") == 2


@pytest.mark.slow
def test_a_hook_that_hangs_holds_up_no_job_and_the_end_no_longer_than_its_limit(world: World) -> None:
    keys = [world.submit("well", *["well"] * number) for number in range(6)]
    command = hook(world, "import os, sys, time\nopen(sys.argv[1], 'a').write('{}\\n')\ntime.sleep(600)\n")
    with world.daemon("--hook", command) as daemon:
        began_s = time.monotonic()
        for key in keys:
            world.wait_for(key, "done")
        assert time.monotonic() - began_s < 15.0 < LIMIT_S  # all of them, while the first hook still runs
        until(lambda: told(world), "the hook to run")
        began_s = time.monotonic()
        assert stop(daemon) == 0
        assert time.monotonic() - began_s < FAREWELL_S + 5.0
    assert len(told(world)) == 1
    assert "notifications given up" in world.said()


@pytest.mark.slow
def test_whoever_answers_no_or_nothing_costs_no_job_anything(world: World) -> None:
    def nothing(request: Request) -> None:
        time.sleep(30)
        del request

    with Server(nothing) as silent:
        threading.Thread(target=silent.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        keys = [world.submit("well", *["well"] * number) for number in range(4)]
        failing = hook(world, "import sys\nopen(sys.argv[1], 'a').write('{}\\n')\nsys.exit('no \\x1b[2J\\nroute')\n")
        with world.daemon("--hook", failing, "--webhook", silent.url) as daemon:
            began_s = time.monotonic()
            for key in keys:
                world.wait_for(key, "done")
            assert time.monotonic() - began_s < 10.0
            began_s = time.monotonic()
            assert stop(daemon) == 0
            assert time.monotonic() - began_s < FAREWELL_S + 5.0
        silent.shutdown()
    said = world.said()
    assert "hook failed" in said
    assert "exit_code=1" in said
    assert "\x1b" not in said
    assert all(line.startswith("20") for line in said.splitlines())


def test_a_hook_that_cannot_be_run_is_a_mistake_before_anything_begins(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["worker", "--queue-root", str(world.queue_root), "--hook", "/no/such/program --x"]
    done = done_here(world.folder, words, capsys)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "/no/such/program" in done.err


LOST_ANSWER = """
import contextlib, os, sys
if "worker" in sys.argv:
    from themis.core.errors import StoreError
    from themis.core.stores.sqlite.database import Database
    transaction, lost = Database.transaction, []
    @contextlib.contextmanager
    def unanswered(self, **options):
        with transaction(self, **options) as connection:
            before = connection.execute("SELECT count(*) FROM job_attempts").fetchone() if not lost else (0,)
            yield connection
            is_end = not lost and connection.execute("SELECT count(*) FROM job_attempts").fetchone() > before
        if is_end:
            lost.append(True)
            raise StoreError(path=self.path, detail="the connection was lost")
    Database.transaction = unanswered
"""


@pytest.mark.slow
def test_an_end_whose_commit_was_not_answered_is_told_once_and_is_no_lost_claim(world: World) -> None:
    key = world.submit("well")
    (world.folder / "sitecustomize.py").write_text(LOST_ANSWER)
    with world.daemon("--hook", hook(world, HOOK)) as daemon:
        until(lambda: told(world), "the hook to be told")
        assert stop(daemon) == 0, world.said()
    assert "the connection was lost" in world.said()
    assert "claim lost" not in world.said()
    assert [(event["key"], event["state"]) for event in told(world)] == [(key, "done")]
    assert world.state(key) == "done"
