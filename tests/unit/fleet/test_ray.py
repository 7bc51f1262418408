"""Ray as the engine of a fleet, as far as that shows without Ray: the guard, the actors' options, and messages."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.support.waiting import text_of, until
from themis.core.errors import EngineError, EngineMissingError, FleetError
from themis.core.queue.model.queue_place import RowsPlace
from themis.fleet.ray.engine import RayEngine
from themis.fleet.ray.guard import END, NOW
from themis.fleet.ray.scaler import Scaler, worker_options
from themis.fleet.ray.worker_actor import difference, versions_here
from themis.fleet.spec import FleetSpec

# It notes each signal, and ends some time after the first as one that drained, at the second as one that was forced.
WORKER = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
(here / "up").write_text(f"{os.getpid()} {os.getsid(0)}")
while len(asked) < 2 and not (asked and time.monotonic() > asked[0] + 2):
    time.sleep(0.05)
sys.exit(4 + len(asked))
"""


class Guarded:
    """A worker with its guard, and this process in the place of the actor."""

    def __init__(self, folder: Path) -> None:
        """Start both."""
        orders, self.orders = os.pipe()
        self._result, result = os.pipe()
        worker = [sys.executable, "-c", WORKER, str(folder)]
        words = [sys.executable, "-m", "themis.fleet.ray.guard", str(orders), str(result), *worker]
        subprocess.run(words, pass_fds=(orders, result), check=True, timeout=30)
        os.close(orders)
        os.close(result)
        self.session = int(text_of(folder / "up").split()[1])

    def result(self) -> int:
        """The exit code of the worker, when it has ended."""
        told = os.read(self._result, 16)
        os.close(self._result)
        return int(told)


def spec(**facts: Any) -> FleetSpec:
    return FleetSpec(**{"name": "big", "place": RowsPlace("env:THEMIS_DATABASE_URL"), **facts})


@pytest.mark.parametrize(("order", "code"), [(END, 5), (NOW, 6), (None, 6)], ids=["end", "now", "the actor is gone"])
def test_a_worker_is_asked_once_to_end_and_twice_when_it_must_or_its_actor_is_gone(
    tmp_path: Path, order: bytes | None, code: int
) -> None:
    guarded = Guarded(tmp_path)
    assert guarded.session != os.getsid(0)  # what ends an actor's children, or its group, does not end it
    if order is not None:
        os.write(guarded.orders, order)
    else:
        os.close(guarded.orders)
    assert guarded.result() == code
    if order is not None:
        os.close(guarded.orders)


def test_an_actor_asks_for_what_its_worker_needs_and_ray_tries_nothing_again() -> None:
    options = worker_options(spec(gpus=2, cpus=8, memory_mb=1024, engine_options={"tpu": "1"}))
    assert options["max_task_retries"] == 0
    assert (options["num_gpus"], options["num_cpus"], options["memory"]) == (2, 8, 1024**3)
    assert options["resources"] == {"tpu": 1.0}
    shown = yaml.safe_load(RayEngine().text(spec(tags=("gpu",))))
    assert shown["worker"]["command"][:3] == ["themis", "worker", "start"]
    assert shown["scaler"]["name"] == "big.scaler"


def test_a_node_of_other_versions_says_in_what_they_differ() -> None:
    assert difference(versions_here()) is None
    told = difference(versions_here() | {"themis": "9.9.9"})
    assert told is not None
    assert "(9.9.9 there)" in told
    assert "python" not in told


@pytest.mark.parametrize("amount", ["many", "0", "-1", "nan", "inf", ""])
def test_what_is_no_resource_is_refused(amount: str) -> None:
    with pytest.raises(FleetError, match=f"tpu={amount} is not a resource"):
        RayEngine().up(spec(engine_options={"tpu": amount}))


def test_a_scaler_says_what_keeps_it_from_starting_workers_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def start(_: Scaler) -> None:
        looks.append(1)
        if len(looks) == 1:
            msg = "Traceback\nno such resource"
            raise ValueError(msg)

    monkeypatch.setattr(Scaler, "_hear_of_started", lambda _: None)
    monkeypatch.setattr(Scaler, "_start_missing", start)
    scaler = Scaler(spec(), versions_here(), every_s=3600.0)
    until(lambda: scaler.status()["notes"] == ["workers cannot be started: no such resource"], "it to say so")
    scaler.size(spec(), versions_here())
    until(lambda: scaler.status()["notes"] == [], "it to have looked again")


def test_an_address_at_which_nobody_listens_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray.util", ModuleType("ray.util"))
    with pytest.raises(EngineError, match=r"Ray: no cluster at 127\.0\.0\.9:1: .*--address"):
        RayEngine("127.0.0.9:1").status("big")


def test_without_ray_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineMissingError, match=r"themis-eval\[ray\]"):
        RayEngine().status("big")
