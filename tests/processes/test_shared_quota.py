"""Processes that ask with one key share its limits: they really race, and are really killed."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import until
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.quota_file import all_quotas

REPOSITORY = Path(__file__).parents[2]

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"

ASKS = """
import asyncio, json, sys, time
from themis.core.config import RuntimeConfig
from themis.core.engine.limits import Admission, Feedback
from themis.core.outcomes.stages import Stage

log, seconds, tasks, lasts, limits, throttles = sys.argv[1], *map(float, sys.argv[2:5]), *map(json.loads, sys.argv[5:7])

class Asked:
    credential = "KEY"

async def main():
    until, tasks_now = time.monotonic() + seconds, int(tasks)
    admission = Admission(RuntimeConfig(max_concurrent_tasks=tasks_now, **limits))
    gate = admission.gate(Stage.GENERATE, "lab:raced", Asked())
    throttled_at = time.monotonic() + 1.0 if throttles else None
    with open(log, "a", buffering=1) as file:
        async def ask():
            nonlocal throttled_at
            while time.monotonic() < until:
                ticket = gate.ticket("x")
                if not gate.enter_at_once(ticket):
                    try:
                        await asyncio.wait_for(gate.enter(ticket), until - time.monotonic())
                    except TimeoutError:
                        return
                file.write(f"{time.monotonic()} +\\n")
                await asyncio.sleep(lasts)
                file.write(f"{time.monotonic()} -\\n")
                feedback = Feedback("answered")
                if throttled_at is not None and time.monotonic() > throttled_at:
                    throttled_at, feedback = None, Feedback("throttled", retry_after_s=2.0, status=429)
                    file.write(f"{time.monotonic()} !\\n")
                gate.leave(ticket, feedback)
        await asyncio.gather(*(ask() for _ in range(tasks_now)))
    admission.close()

asyncio.run(main())
""".replace("KEY", KEY)


LONG_ENOUGH_S = 30.0
"""Seconds for which processes ask that are killed before, however slowly they are started."""


@dataclass
class Asking:
    """A process that asks, and what it has written of its calls."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def events(self, kind: str) -> list[float]:
        """The times of its events of a kind: a call's begin (+), its end (-), a refusal (!)."""
        lines = [line.split() for line in self.log.read_text(encoding="ascii").splitlines()]
        return [float(words[0]) for words in lines if len(words) == 2 and words[1] == kind]


class Race:
    """Processes that ask with the same key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[Asking] = []

    def start(
        self, seconds: float, limits: str, *, tasks: int = 8, lasts_s: float = 0.02, throttles: bool = False
    ) -> Asking:
        log = self.folder / f"{len(self.all)}.log"
        log.touch()
        words = [str(log), str(seconds), str(tasks), str(lasts_s), limits, "true" if throttles else "false"]
        command = [sys.executable, "-c", ASKS, *words]
        environment = {**os.environ, FOLDER_VARIABLE: str(self.folder / "limits"), "PYTHONPATH": str(REPOSITORY)}
        self.all.append(Asking(subprocess.Popen(command, env=environment), log))
        return self.all[-1]

    def wait(self) -> None:
        for asking in self.all:
            asking.process.wait(60)

    def begins(self) -> list[float]:
        return sorted(at for asking in self.all for at in asking.events("+"))

    def most_at_once(self) -> int:
        """The most calls in flight; those of a killed process end with it, at the last thing that it wrote."""
        events = [(at, 1) for at in self.begins()]
        for asking in self.all:
            begun, ended = asking.events("+"), asking.events("-")
            last = max([*begun, *ended], default=0.0)
            events += [(at, -1) for at in ended] + [(last, -1)] * (len(begun) - len(ended))
        most = now = 0
        for _, step in sorted(events):
            now += step
            most = max(most, now)
        return most


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Race]:
    found = Race(tmp_path)
    yield found
    for asking in found.all:
        if asking.process.poll() is None:
            asking.process.kill()
        asking.process.wait()


def most_in_any(times: list[float], window_s: float) -> int:
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


RATE = 6_000


@pytest.mark.parametrize("seconds", [2.0, pytest.param(20.0, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_four_processes_never_exceed_a_quota_and_use_it_though_one_is_killed(race: Race, seconds: float) -> None:
    limits = f'{{"provider_rate_limits": {{"lab:raced": {RATE}}}, "adaptive": null}}'
    asking = [race.start(seconds, limits, tasks=40, lasts_s=0.01) for _ in range(4)]
    until(lambda: all(len(one.events("+")) > 10 for one in asking), "all to ask")
    time.sleep(seconds / 4)
    asking[0].process.kill()
    race.wait()
    begins = race.begins()
    for window_s in (1.0, 2.0, 10.0):
        assert most_in_any(begins, window_s) <= RATE / 60 * (window_s + 0.75), "what is caught up, or late, and no more"
    killed_at = max(asking[0].events("+"))
    after = [at for at in begins if killed_at < at < max(begins) - 0.3]
    rate = len(after) / (after[-1] - after[0]) * 60
    print(f"\n  {len(begins):,} calls; after the kill {rate:,.0f} a minute of {RATE:,}")  # noqa: T201  # evidence
    assert rate >= 0.9 * RATE
    assert list(all_quotas(race.folder / "limits")) == [], "nobody holds anything at the end"


@pytest.mark.slow
def test_calls_in_flight_are_shared_fairly_lent_and_given_back_by_the_dead(race: Race) -> None:
    limits = '{"provider_concurrency": {"lab:raced": 12}, "adaptive": null}'
    first = race.start(LONG_ENOUGH_S, limits, tasks=30)
    until(lambda: len(first.events("+")) > 50, "the first one to ask")
    second = race.start(LONG_ENOUGH_S, limits, tasks=30)
    until(lambda: len(second.events("+")) > 20, "the second one to ask")
    time.sleep(1.0)
    since = time.monotonic() - 0.8
    of_first, of_second = (sum(at > since for at in one.events("+")) for one in (first, second))
    assert 0.6 < of_first / of_second < 1.6
    second.process.kill()
    second.process.wait()
    killed_at = time.monotonic()
    time.sleep(1.1)
    first.process.kill()
    first.process.wait()
    rate_alone = sum(killed_at + 0.5 < at < killed_at + 1.0 for at in first.events("+")) / 0.5
    assert rate_alone > 1.3 * of_first / 0.8, "what the killed one had is used again"
    assert race.most_at_once() == 12


@pytest.mark.slow
def test_a_refusal_that_one_process_sees_stops_the_others(race: Race) -> None:
    limits = '{"provider_concurrency": {"lab:raced": 12}, "adaptive": {"start": 12}}'
    told, other = race.start(4.0, limits, throttles=True), race.start(4.0, limits)
    race.wait()
    (refused_at,) = told.events("!")
    quiet = [at for at in race.begins() if refused_at + 0.2 < at < refused_at + 1.9]
    assert quiet == []
    assert [at for at in other.events("+") if at > refused_at + 2.0], "and then they ask again"


def test_no_key_is_on_the_disk_and_nothing_of_it_is(race: Race) -> None:
    asking = race.start(1.0, '{"provider_rate_limits": {"lab:raced": 600}}')
    until(lambda: bool(asking.events("+")), "it to ask")
    folder = race.folder / "limits"
    names = [path.name for path in folder.iterdir()]
    assert [name.rpartition(".")[2] for name in sorted(names) if not name.endswith((".json", ".lock"))] == [
        "quota",
        "salt",
    ]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    written = "".join(names).encode() + b"".join(path.read_bytes() for path in folder.iterdir())
    assert KEY.encode() not in written
    for plain in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        assert plain(KEY.encode()).hexdigest()[:8].encode() not in written
    race.wait()
