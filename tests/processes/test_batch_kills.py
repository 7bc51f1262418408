"""Processes that are killed at each request of a batch's life: no question is sent twice, and none is lost.

| the process is killed                                | with OpenAI | with Anthropic |
|------------------------------------------------------|-------------|----------------|
| when its file is about to arrive, and has arrived    | FILE        | -              |
| when its batch is about to be made, and is made      | MADE        | MADE           |
| at its first look, and at a later one                | LOOK        | LOOK           |
| when it asks for the results, and in their middle    | RESULTS     | RESULTS        |
| when it asks again for what the batch has left out   | SINGLE      | SINGLE         |

Each is tried with `themis run`, and with a worker of a queue: with Anthropic only MADE, as the rest is the same.
`tests/unit/engine/batches/test_every_death.py` tries the steps between the requests, such as those of the store.

All runs are under a budget that has room for one batch: a death that forgot what is reserved for it, or reserved it
twice, would show in the cost.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import Behaviour, HangUp, ModelServer, Request
from tests.support.model_server.script import Step

CASES = 6
LATE = 4
MAX_TOKENS = 50
PRICES = "prices: [{model: m, input: 1000, output: 1000, batch: 0.5}]"
BUDGET_USD = 1.1
"""More than six questions in a batch may cost, of some $0.1 each, and less than twice as much."""

ANSWER_USD = 0.006
"""Cost of an answer of three tokens to a question of three, by itself; half as much in a batch."""

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
PATIENCE_S = 120.0

FILE, MADE, LOOK, RESULTS, SINGLE = "file", "made", "look", "results", "single"
BEFORE, AFTER, WITHIN = "before", "after", "within"

POINTS = [
    (FILE, 1, BEFORE),
    (FILE, 1, AFTER),
    (MADE, 1, BEFORE),
    (MADE, 1, AFTER),
    (LOOK, 1, BEFORE),
    (LOOK, 2, AFTER),
    (RESULTS, 1, BEFORE),
    (RESULTS, 1, WITHIN),
    (SINGLE, 1, BEFORE),
]
"""A request, its number among those of its kind, and whether the provider deals with it."""

PROVIDERS = ("openai", "anthropic")
MODES = ("run", "worker")
TABLE = [
    pytest.param(provider, mode, point, id=f"{provider}-{mode}-{point[2]}-{point[0]}-{point[1]}")
    for provider in PROVIDERS
    for mode in MODES
    for point in POINTS
    if not (provider == "anthropic" and (point[0] == FILE or (mode == "worker" and point[0] != MADE)))
]


@dataclass
class Killer:
    """Kills the client at one request.

    Attributes:
        server: the provider.
        victim: the process.
        asked: how often the model got each question of a batch.
        singles: those that came by themselves.
        kinds: how many requests of each kind came.
    """

    kind: str
    number: int
    when: str
    server: ModelServer | None = None
    victim: int | None = None
    is_done: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    singles: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Step:
        """What a request gets."""
        if request.batch_id is not None:
            is_late = request.question.endswith(f" {LATE}")
            if not is_late:
                self.asked[request.question] += 1
            return HangUp() if is_late else None
        kind = kind_of(request)
        self.kinds[kind] += 1
        if kind == LOOK and self.kinds[kind] > self.looks:
            self._end_batches()
        if not self.is_done and (kind, self.kinds[kind]) == (self.kind, self.number):
            return self._strike()
        if kind == SINGLE:
            self.singles.append(request.question)
        return None

    def _strike(self) -> Step:
        self.is_done = True
        if self.when == WITHIN:
            threading.Timer(0.3, self._kill).start()
            return Behaviour(spread_s=2.0)
        self._kill()
        return HangUp() if self.when == BEFORE else None

    @property
    def looks(self) -> int:
        """How many looks find a batch that has not ended."""
        return self.number if self.kind == LOOK else 0

    def _end_batches(self) -> None:
        assert self.server is not None
        for batch in self.server.batches():
            batch.takes_s = 0.0

    def _kill(self) -> None:
        assert self.victim is not None
        os.kill(self.victim, signal.SIGKILL)


def kind_of(request: Request) -> str:
    """What a request is in a batch's life."""
    method, path = request.method, request.path
    if path.endswith(("/content", "/results")):
        return RESULTS
    if request.is_question:
        return SINGLE
    if path.rpartition("/")[2] in {"files", "batches"}:
        made = FILE if path.endswith("files") else MADE
        return made if method == "POST" else "list"
    return LOOK


def write_config(folder: Path, provider: str, server: ModelServer) -> Path:
    url = server.openai_url if provider == "openai" else server.anthropic_url
    arguments: dict[str, Any] = {"model_id": "m", "base_url": url, "api_key": "env:MODEL_KEY"}
    arguments["params"] = {"max_tokens": MAX_TOKENS}
    (folder / "prices.yaml").write_text(PRICES)
    document = {
        "generation": {"generator": {"use": provider, "with": arguments}},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite"},
        "runtime": {"batch": {"after": 0.2, "poll": 0.2}, "queue_root": "queue", "budget": {"usd": BUDGET_USD}},
        "datasets": [
            {
                "dataset_id": "d",
                "cases": [
                    {"case_id": f"c{no}", "input": f"question {no}", "expected_output": f"question {no}"}
                    for no in range(CASES)
                ],
            }
        ],
    }
    config = folder / "experiment.yaml"
    config.write_text(yaml.safe_dump(document))
    return config


class Client:
    """Runs commands of Themis in a folder."""

    def __init__(self, folder: Path, killer: Killer) -> None:
        self._folder = folder
        self._killer = killer

    def run(self, *command: str) -> dict[str, Any] | None:
        """The JSON that a command prints; None for one that was killed."""
        environment = {**os.environ, "MODEL_KEY": KEY, "THEMIS_PRICES": str(self._folder / "prices.yaml")}
        process = subprocess.Popen(
            [sys.executable, "-m", "themis", *command],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._killer.victim = process.pid
        said, complaints = process.communicate(timeout=PATIENCE_S)
        if process.returncode == -signal.SIGKILL:
            return None
        assert process.returncode == 0, complaints.decode()
        found: dict[str, Any] = json.loads(said)
        return found

    def finish(self, mode: str) -> tuple[dict[str, Any], int]:
        """The result of the run, and how many processes were killed on the way."""
        command = (
            ("run", "--config", "experiment.yaml") if mode == "run" else ("worker", "run", "--queue-root", "queue")
        )
        if mode == "worker":
            assert self.run("submit", "--config", "experiment.yaml", "--mode", "worker-pool") is not None
        killed, until_s = 0, time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            result = self.run(*command)
            killed += result is None
            if result is not None and result["status"] not in {"idle", "pending"}:
                return result, killed
            time.sleep(0.1)
        raise TimeoutError(command)


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "mode", "point"), TABLE)
def test_a_kill_at_each_request_of_a_batch_sends_no_question_twice_and_loses_none(
    tmp_path: Path, short: bool, provider: str, mode: str, point: tuple[str, int, str]
) -> None:
    if short and not (mode == "worker" and provider == "openai" and point[0] in {MADE, RESULTS}):
        pytest.skip("the short form tries the batch that is made, and its results, with one provider's worker")
    killer = Killer(*point)
    with ModelServer(killer, batch_s=3600.0) as server:
        killer.server = server
        write_config(tmp_path, provider, server)
        result, killed = Client(tmp_path, killer).finish(mode)
    assert killed == 1
    assert killer.asked == Counter(f"question {no}" for no in range(CASES) if no != LATE)
    assert killer.singles == [f"question {LATE}"]
    assert (result["status"], result["completed_cases"], result["metric_means"]) == (
        "completed",
        CASES,
        {"builtin/exact_match": 1.0},
    )
    cost = result["cost"]
    assert cost["usd"] == pytest.approx((CASES - 1) * ANSWER_USD / 2 + ANSWER_USD)
    assert cost["most_usd"] <= BUDGET_USD if point[0] == SINGLE else cost["most_usd"] == cost["usd"]
    assert killer.kinds[MADE] == (2 if point[0] == MADE and point[2] == BEFORE else 1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
