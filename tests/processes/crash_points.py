"""Kill a process at any of the steps that it announces: each is a point, numbered from 0 in the order of a run.

A step is announced before it is taken, so that a process killed at point N has taken the steps before N, and a process
killed at none has taken all. The action is a module's function, as it is run in a child.

    for point in range(len(steps_of(action, folder))):
        assert kill_at(point, action, fresh_folder)
        … look at what is left, recover, assert what was promised …
"""

import functools
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from themis.core.files import durable

Action = Callable[..., object]

TIMEOUT_S = 60.0
_PRELOADED = (
    "themis.core.queue",
    "themis.core.stores",
    "themis.core.submission",
    "tests.processes.crash_points",
    "tests.processes.queue_world",
    "tests.processes.test_shard_ends",
)


def steps_of(action: Action, *arguments: object) -> list[str]:
    """The steps that `action` announces when nobody kills it, each as `kind folder/name`."""
    exit_code, steps = _run(None, action, arguments)
    assert exit_code == 0, "\n".join(steps)
    assert steps, "it announced no step, so that nothing would be tried"
    return steps


def kill_at(point: int, action: Action, *arguments: object) -> bool:
    """Run `action` in a child that dies at a point; False when it ended before it came there.

    Raises:
        AssertionError: it failed by itself.
    """
    exit_code, steps = _run(point, action, arguments)
    assert exit_code in {0, -signal.SIGKILL}, "\n".join(steps)
    return exit_code == -signal.SIGKILL


def _run(point: int | None, action: Action, arguments: tuple[object, ...]) -> tuple[int | None, list[str]]:
    server = context()
    receiver, sender = server.Pipe(duplex=False)
    child = server.Process(target=_child, args=(sender, point, action, arguments))
    child.start()
    sender.close()
    steps: list[str] = []
    try:
        if receiver.poll(TIMEOUT_S):
            steps = receiver.recv()
    except EOFError:
        pass
    child.join(TIMEOUT_S)
    exit_code = child.exitcode
    if exit_code is None:
        child.kill()
        child.join()
    child.close()
    receiver.close()
    return exit_code, steps


@functools.cache
def context() -> ForkServerContext:
    """Children are forked from a server that has the modules and no threads."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(_PRELOADED))
    return server


def _child(sender: Connection, point: int | None, action: Action, arguments: tuple[object, ...]) -> None:
    steps: list[str] = []

    def observe(kind: str, *facts: object) -> None:
        if len(steps) == point:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(describe(kind, *facts))

    durable.set_observer(observe)
    try:
        action(*arguments)
    except BaseException:  # whatever it is, the parent is to see it
        sender.send([traceback.format_exc()])
        os._exit(1)
    sender.send(steps)
    sender.close()
    os._exit(0)


def describe(kind: str, *facts: object) -> str:
    """A step, short enough for a message."""
    path = Path(str(facts[-1] if kind in {"rename", "link", "probe"} else facts[0])) if facts else Path()
    return f"{kind} {path.parent.name}/{path.name}"
