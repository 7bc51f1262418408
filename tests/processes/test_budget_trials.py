"""A budget is never overshot, whatever the provider does, and whenever the process is killed.

Each trial is a run under a random budget, in processes that are killed in the middle of calls, of commits, anywhere,
and started again; the provider itself keeps the bill. What the store says that was spent is never less than the bill.
"""

import os
import random
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.charging_provider import PRICES, Bill, ChargingGenerator
from tests.support.lab import dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO, nano
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import read_all
from themis.core.experiment import Experiment
from themis.core.results import RunStatus
from themis.core.stores import sqlite_store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork while there are threads

SHORT, LONG = 10, 200
EXECUTIONS_SHORT, EXECUTIONS_LONG = 3, 5


@pytest.fixture(autouse=True)
def _prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "prices.yaml"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: a process that is killed loses nothing that a disk has not synced."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108  # a folder of its own in it, below
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as found:
        yield Path(found)


class Trial:
    """A run under a budget, with everything about it decided by a seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.bill = Bill()
        self.path = folder / f"{seed}.sqlite3"
        self.samples = self.chance.choice([1, 1, 3])
        self.count = self.chance.randint(3, 25)
        self.failing = self.chance.choice([0.0, 0.0, 0.2, 0.6])
        self.in_usd = self.chance.random() < 0.7
        self.in_tokens = not self.in_usd or self.chance.random() < 0.3
        self.share = self.chance.uniform(0.05, 1.5)
        self.concurrency = self.chance.choice([1, 2, 8, 32])
        self.run_id = self.lab(killing=0).compile().run_id

    @property
    def budget(self) -> dict[str, float]:
        calls = self.count * self.samples
        found: dict[str, float] = {}
        if self.in_usd:
            found["usd"] = round(calls * 0.0016 * self.share, 6)
        if self.in_tokens:
            found["tokens"] = max(int(calls * 160 * self.share), 1)
        return found

    def lab(self, *, killing: float) -> Experiment:
        generator = ChargingGenerator(self.bill, self.chance.random(), self.failing, killing)  # type: ignore[arg-type]
        runtime = {
            "budget": self.budget,
            "max_concurrent_tasks": self.concurrency,
            "generation_retry_delay": 0.0,
            "breaker": {"failures": 1_000},
            "adaptive": None,
        }
        return experiment(
            generator,
            samples=self.samples,
            reducer="builtin/majority_vote" if self.samples > 1 else None,
            datasets=[dataset(self.count)],
            runtime=RuntimeConfig.model_validate(runtime),
            path=self.path,
        )

    def execute(self, *, killing: float, alarm_s: float) -> int:
        """Run in a process of its own, which may be killed; returns how it ended."""
        lab = self.lab(killing=killing)
        pid = os.fork()
        if pid == 0:
            code = 9
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, alarm_s)
                lab.run()
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1]

    def look(self) -> tuple[RunStatus | None, RunCost]:
        """The status of the run, and what it has cost, as the store says."""
        with closing(sqlite_store(self.path)) as store:
            record = store.load_run(self.run_id)
            spends = {} if record is None else store.spends(self.run_id)
        cost = cost_of(read_all(spends.values()), PriceList.read()) or RunCost()
        return None if record is None else record.status, cost

    def check(self) -> RunStatus | None:
        """Compare the bill with the budget, and with what the store says; returns the status of the run."""
        budget = self.budget
        status, cost = self.look()
        if "usd" in budget:
            assert self.bill.nano_usd <= budget["usd"] * float(NANO)
            assert cost.most_usd is not None
            assert self.bill.nano_usd <= nano(cost.most_usd)
        if "tokens" in budget:
            assert self.bill.tokens <= budget["tokens"]
            assert self.bill.tokens <= cost.most_tokens
        return status


def trials(count: int, executions: int, folder: Path) -> Iterator[tuple[Trial, int]]:
    """Carry out trials, with as many executions each as it takes; yields each with its number of kills."""
    for seed in range(count):
        trial, kills = Trial(seed, folder), 0
        for number in range(executions):
            is_last = number == executions - 1
            killing = 0.0 if is_last else trial.chance.choice([0.0, 0.02, 0.1])
            alarm_s = 0.0 if is_last else trial.chance.choice([0.0, 0.02, 0.05, 0.1])
            code = trial.execute(killing=killing, alarm_s=alarm_s)
            assert code == 0 or os.WIFSIGNALED(code), f"trial {seed} ended with {code}"
            kills += os.WIFSIGNALED(code)
            status = trial.check()
            if not os.WIFSIGNALED(code):
                if status is not RunStatus.CANCELLED:
                    break
                trial.share *= 1.5  # as `queue retry --set runtime.budget.usd=…` raises it
        yield trial, kills


def _never_overshot(count: int, executions: int, folder: Path) -> None:
    kills = cancelled = used = allowed = 0.0
    for trial, killed in trials(count, executions, folder):
        kills += killed
        is_cancelled = trial.look()[0] is RunStatus.CANCELLED
        cancelled += is_cancelled
        if trial.in_usd and is_cancelled:
            used += trial.bill.nano_usd / float(NANO)
            allowed += trial.budget["usd"]
    print(f"{count} trials, {kills:.0f} kills, {cancelled:.0f} out of budget in the end; ${used:.4f} of ${allowed:.4f}")  # noqa: T201
    assert kills >= count / 2
    assert cancelled >= count / 20


@pytest.mark.slow
def test_no_budget_is_overshot_in_a_few_random_trials(folder: Path) -> None:
    _never_overshot(SHORT, EXECUTIONS_SHORT, folder)


@pytest.mark.slow
def test_no_budget_is_overshot_in_two_hundred_random_trials(folder: Path, *, short: bool) -> None:
    _never_overshot(SHORT * 2 if short else LONG, EXECUTIONS_LONG, folder)
