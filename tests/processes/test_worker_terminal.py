"""A worker in a terminal: what a person does there, and what is left when the terminal is gone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.worker_world import World
from tests.screens.session import environment
from tests.screens.terminal import CTRL_C, Terminal
from tests.support.waiting import until
from themis.core.queue.folder import worker_registry

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the daemon needs Linux")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.prepare()
    yield found
    for seen in worker_registry.workers_of(found.queue_root):
        if seen.alive:  # a test has failed, and its worker would outlive it
            os.kill(seen.report.pid, signal.SIGKILL)


def open_terminal(world: World) -> Terminal:
    return Terminal(world.folder, {**environment(), "PYTHONPATH": str(world.folder)}, columns=120, lines=40)


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with open_terminal(world) as terminal:
        yield terminal


def worker_that_leaves_its_exit_code(more: str = "") -> str:
    """A command line; of the two shells only the one that waits for the worker does not die of a hang-up."""
    return f"sh -c \"trap '' HUP; themis worker --queue-root queue --name w1 {more}; echo \\$? >code\""


def exit_code_when_stopped(world: World) -> int:
    worker_registry.request_stop(world.queue_root, ["w1"])
    return world.noted("code")


def workers_that_live(world: World) -> list[str]:
    return [seen.report.worker for seen in worker_registry.workers_of(world.queue_root) if seen.alive]


@pytest.mark.slow
def test_a_worker_goes_on_when_its_terminal_is_closed_and_says_so(world: World) -> None:
    key = world.submit("until told")
    with open_terminal(world) as terminal:
        terminal.begin(worker_that_leaves_its_exit_code("2>log"))
        world.wait_for(key, "running")
    said = world.folder / "log"
    until(lambda: "the terminal is gone" in said.read_text(), "a word of the lost terminal")
    assert f'stop_with="themis worker stop w1 --queue-root {world.queue_root}"' in said.read_text()
    assert workers_that_live(world) == ["w1"]
    assert world.state(key) == "running"
    (world.folder / "told").touch()
    world.wait_for(key, "done")
    assert exit_code_when_stopped(world) == 0
    assert "the settings were reloaded" not in said.read_text()


@pytest.mark.slow
def test_a_worker_that_wrote_to_its_terminal_can_still_work_and_end_without_it(world: World) -> None:
    with open_terminal(world) as terminal:
        terminal.begin(worker_that_leaves_its_exit_code())
        terminal.until_shows("closing the terminal does not")
        assert terminal.shows("themis worker stop w1 --queue-root")
    key = world.submit("well")
    world.wait_for(key, "done")
    assert exit_code_when_stopped(world) == 0


@pytest.mark.slow
def test_one_ctrl_c_lets_a_run_end_and_a_second_gives_it_back_at_once(world: World, terminal: Terminal) -> None:
    key = world.submit("until told")
    terminal.begin("themis worker --queue-root queue; echo ended with $?")
    until(lambda: any(seen.busy for seen in worker_registry.workers_of(world.queue_root)), "the job to be run")
    terminal.press(CTRL_C)
    terminal.until_shows("stopping: waiting up to 30 s for 1 running job; press Ctrl-C again to stop now")
    (world.folder / "told").touch()
    terminal.until_shows("ended with 0")
    assert terminal.shows("exit code 0; 1 job: 1 completed")
    assert world.state(key) == "done"
    key = world.submit("hang deaf")
    terminal.begin("themis worker --queue-root queue; echo it ended with $?")
    world.noted("hanging")
    terminal.press(CTRL_C)
    terminal.until_shows("for 1 running job; press Ctrl-C again")
    terminal.press(CTRL_C)
    terminal.until_shows("it ended with 6")
    assert terminal.shows("stopping now: 1 running job is killed and given back")
    assert terminal.shows("exit code 6; 1 job: 1 given back")
    assert world.state(key) == "queued"
    assert world.show(key).row.failures == 0


@pytest.mark.slow
def test_a_worker_of_a_new_queue_says_that_nothing_was_submitted_there(world: World, terminal: Terminal) -> None:
    terminal.run("themis worker --queue-root elsewhere --max-idle 0.01")
    assert terminal.shows("the queue is new: nothing was submitted here yet")
    terminal.run("clear; themis worker --queue-root elsewhere --max-idle 0.01")
    assert not terminal.shows("the queue is new")
