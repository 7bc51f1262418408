"""Quotas of providers in real time: a worker and runs are processes, and the server counts what reaches it.

A configured quota is used evenly; one that only the provider enforces is used up, and again when it is back; after a
burst of refusals the rate returns.
"""

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer, Quota, Request
from tests.support.model_server.failures import throttled
from tests.support.model_server.log import fewest_in_any, most_in_any
from tests.support.model_server.script import Step
from tests.support.waiting import until
from themis.core.shared_limits.folder import limits_folder
from themis.core.shared_limits.quota_file import all_quotas

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PER_MINUTE, LEAST_PER_MINUTE = 600, 570
IN_FLIGHT = 32
PATIENCE_S = 600.0
ON_THEIR_WAY_S = 1.0
"""Requests that were sent before a refusal was read may arrive so much later, on a busy machine."""
RETRY_AFTER_S = 4.0
SLOW_START_S, BURST_S, BACK_S, SEEN_S = 2.0, 3.0, 20.0, 5.0
LATE_S = 0.25
"""Seconds by which requests of a rate may be late, and then come together."""


@dataclass
class Server:
    """What a provider does in one scenario, and what it counted.

    Attributes:
        quota: what it enforces.
        latency_s: the mean of its answers.
        burst_at_s: when it begins to refuse everything, after the first request.
        retry_after_s: what it says then.
        questions: what came.
        violations: how many of them came too early.
        began_s: when the first came.
    """

    quota: Quota | None = None
    latency_s: float = 0.25
    burst_at_s: float | None = None
    retry_after_s: float | None = None
    questions: list[Request] = field(default_factory=list, repr=False)
    violations: int = 0
    began_s: float = math.inf

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve, and count at the end."""
        chance = random.Random(5)

        def latency_s(_: Request) -> float:
            return self.latency_s * chance.uniform(0.5, 1.5)

        with ModelServer(self._step, latency_s=latency_s, quota=self.quota, keeps_content=False) as server:
            yield server.openai_url
            self.questions = server.questions
            self.violations = len(server.retry_after_violations(ON_THEIR_WAY_S))

    def _step(self, request: Request) -> Step:
        self.began_s = min(self.began_s, request.arrived_s)
        since_s = request.arrived_s - self.began_s
        in_burst = self.burst_at_s is not None and self.burst_at_s <= since_s < self.burst_at_s + BURST_S
        return throttled(self.retry_after_s) if in_burst else None

    @property
    def times(self) -> list[float]:
        """When the requests came that count, from the first one on, in order: all but those that were refused.

        One whose process was killed counts too, though it had no reply.
        """
        return sorted(one.arrived_s - self.began_s for one in self.questions if one.status in {None, HTTPStatus.OK})

    @property
    def refused(self) -> int:
        return len(self.questions) - len(self.times)

    def rate_from(self, begin_s: float, seconds: float) -> float:
        """Answered requests a minute in a stretch of time."""
        return 60.0 / seconds * sum(begin_s <= at < begin_s + seconds for at in self.times)


@dataclass(frozen=True)
class Form:
    """The size of the whole test: windows of a minute, or short ones with their share of it."""

    window_s: float
    cases: int
    burst_at_s: float
    burst_cases: int

    @property
    def share(self) -> float:
        return self.window_s / 60.0

    @property
    def late(self) -> float:
        """Requests that may be missing in a window and come in the next one; a whole minute has room for them."""
        return 0.0 if self.share == 1 else PER_MINUTE * LATE_S / 60.0


LONG = Form(window_s=60.0, cases=1_460, burst_at_s=25.0, burst_cases=620)
SHORT = Form(window_s=6.0, cases=200, burst_at_s=8.0, burst_cases=400)


def config(folder: Path, base_url: str, count: int, **runtime: Any) -> Path:
    """An experiment that asks the server so many questions."""
    cases = [{"case_id": f"{no}", "input": f"question {no}", "expected_output": ""} for no in range(count)]
    document = {
        "generation": {"generator": {"use": "openai", "with": {"model_id": "m", "base_url": base_url}}},
        "evaluation": {"parsers": ["builtin/text"], "metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite"},
        "runtime": {"max_concurrent_tasks": IN_FLIGHT, **runtime},
        "datasets": [{"dataset_id": "questions", "cases": cases}],
    }
    folder.mkdir()
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def themis_process(*words: object) -> None:
    """Run a command to its end."""
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'workers'}"}
    command = [sys.executable, "-m", "themis", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]


def ask(folder: Path, server: Server, count: int, *, configured: bool, by_worker: bool = False, **runtime: Any) -> None:
    """Have a process ask a server."""
    with server.serving() as url:
        if configured:
            runtime["provider_rate_limits"] = {f"openai:{url}": PER_MINUTE}
        path = config(folder, url, count, **runtime)
        if by_worker:
            themis_process("submit", "--config", path)
            themis_process("worker", "start", "--config", path, "--drain", "--slots", 1)
        else:
            themis_process("run", "--config", path)
    assert len(server.times) == count, "each case was answered once"


def test_a_quota_is_used_and_kept_and_no_retry_after_is_violated(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    form = SHORT if short else LONG
    quota = Quota(requests_per_minute=PER_MINUTE, window_s=form.window_s)
    configured, announced, silent = (
        Server(),
        Server(quota),
        Server(replace(quota, is_silent=True)),
    )
    burst = Server(burst_at_s=form.burst_at_s, retry_after_s=RETRY_AFTER_S)
    silent_burst = Server(latency_s=1.5, burst_at_s=form.burst_at_s)
    fewer, few = round(form.cases * 0.9), form.burst_cases
    with ThreadPoolExecutor() as at_once:
        asking = [
            at_once.submit(ask, tmp_path / "a", configured, form.cases, configured=True, by_worker=True),
            at_once.submit(ask, tmp_path / "b", announced, fewer, configured=False),
            at_once.submit(ask, tmp_path / "c", silent, fewer, configured=False),
            at_once.submit(ask, tmp_path / "d", burst, few, configured=True),
            at_once.submit(ask, tmp_path / "e", silent_burst, few, configured=False, max_concurrent_tasks=16),
        ]
    for one in asking:
        one.result()
    servers = {
        "600 configured, a worker": configured,
        "429 with headers": announced,
        "429 without": silent,
        "burst, retry-after": burst,
        "burst, without": silent_burst,
    }
    with capsys.disabled():
        print()  # noqa: T201
        for name, server in servers.items():
            print(f"  {name:25} {told(server, form)}")  # noqa: T201  # evidence
    assert [server.violations for server in servers.values()] == [0] * len(servers)
    a_configured_quota_is_used_evenly(configured, form)
    for server in (announced, silent):
        the_providers_own_quota_is_kept(server, form)
        if (
            not short
        ):  # nobody can know that a minute is short, and to be late by a second is nothing only in a long one
            assert of_quota(server, form) >= LEAST_PER_MINUTE
    for server in (burst, silent_burst):
        after_a_burst_the_rate_is_back(server, form)


LONG_JOBS = (250, 450, 550, 650)
"""Cases of each job: they end one after another, so that nobody has to start while nobody asks."""


def test_four_workers_keep_a_quota_together_though_one_is_killed(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if short:
        pytest.skip("four workers and other tests at once on two cores say nothing about a window of seconds")
    form, jobs = LONG, LONG_JOBS
    server = Server()
    with server.serving() as url, ExitStack() as stack:
        quota = {f"openai:{url}": PER_MINUTE}
        for cases in jobs:
            folder = tmp_path / str(cases)
            path = config(folder, url, cases, provider_rate_limits=quota, queue_root=str(tmp_path / "queue"))
            themis_process("submit", "--config", path)
        workers = [stack.enter_context(worker(tmp_path / "queue")) for _ in jobs]
        until(lambda: max((len(one.holders) for _, one in all_quotas(limits_folder())), default=0) == 4, "all to ask")
        time.sleep(form.window_s / 2)
        workers[1].kill()  # another one recovers its job
        for one in (workers[0], *workers[2:]):
            assert one.wait(PATIENCE_S) == 0
    with capsys.disabled():
        print(f"\n  600 configured, 4 workers {told(server, form)}")  # noqa: T201  # evidence
    assert sum(jobs) <= len(server.times) <= sum(jobs) + IN_FLIGHT, "the killed one's calls are made again"
    assert server.refused == 0
    assert most_in_any(server.times, form.window_s) <= PER_MINUTE * form.share + form.late
    fewest = fewest_in_any(server.times, form.window_s)
    assert fewest is not None
    assert fewest >= LEAST_PER_MINUTE * form.share - form.late


@contextmanager
def worker(queue: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker with one slot, which ends when the queue is empty."""
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'workers'}"}
    words = ["worker", "start", "--queue-root", str(queue), "--drain", "--slots", "1"]
    command = [sys.executable, "-m", "themis", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def a_configured_quota_is_used_evenly(server: Server, form: Form) -> None:
    """No window has more than the quota, and none that lies within the run less than 95 % of it."""
    fewest = fewest_in_any(server.times, form.window_s)
    assert fewest is not None
    assert LEAST_PER_MINUTE * form.share - form.late <= fewest
    assert most_in_any(server.times, form.window_s) <= PER_MINUTE * form.share + form.late
    assert server.refused == 0


def the_providers_own_quota_is_kept(server: Server, form: Form) -> None:
    """What is too much is refused, and the run asks no more often than it must."""
    assert 0 < server.refused <= len(server.times) / 2
    assert most_in_any(server.times, form.window_s) <= PER_MINUTE * form.share


def after_a_burst_the_rate_is_back(server: Server, form: Form) -> None:
    """Within 20 seconds it is 90 % of what it was."""
    assert server.refused, "the burst was met"
    back_s = back_after(server, form)
    assert back_s is not None
    assert back_s <= BACK_S


def of_quota(server: Server, form: Form) -> float:
    """Answered requests a minute, from the first to the first of the last window that was begun."""
    in_a_window = int(PER_MINUTE * form.share)
    windows = (len(server.times) - 1) // in_a_window
    return 60.0 * windows * in_a_window / (server.times[windows * in_a_window] - server.times[0])


def back_after(server: Server, form: Form) -> float | None:
    """Seconds from the end of a burst until 90 % of the rate before it, in the five seconds that follow."""
    before = server.rate_from(SLOW_START_S, form.burst_at_s - SLOW_START_S)
    ended_s = form.burst_at_s + BURST_S
    times = (0.1 * tenths for tenths in range(int((server.times[-1] - SEEN_S - ended_s) * 10)))
    return next((after for after in times if server.rate_from(ended_s + after, SEEN_S) >= 0.9 * before), None)


def told(server: Server, form: Form) -> str:
    """What a server counted, for people."""
    times, window_s = server.times, form.window_s
    said = (
        f"{len(times):5} counted in {times[-1]:5.1f} s, {server.refused:3} refused, {server.violations} too early;"
        f" in any {window_s:g} s at most {most_in_any(times, window_s)}, at least {fewest_in_any(times, window_s)}"
    )
    if server.burst_at_s is not None:
        back_s = back_after(server, form)
        return f"{said}; back at 90 % after {'never' if back_s is None else f'{back_s:.1f} s'}"
    return f"{said}; {of_quota(server, form):.0f} a minute"
