"""Tests in several processes at less cost: each finds the files that are dealt to it only, and says only what counts.

Xdist has each process find all tests, of which it then runs a few, and tells each step of each test to the process that
waits for them. Of ten thousand tests that take milliseconds, this is a fifth of the time of the processors.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from xdist.scheduler import EachScheduling  # type: ignore[import-untyped]

LARGE = (
    re.compile(rb"model_server|asked_models|adapters\.(?:clients|streams)|^import (?:openai|anthropic)", re.MULTILINE),
    re.compile(rb"\b(?:scipy|rouge|ifeval|sacrebleu|pandas|pyarrow)\b"),
)
"""What is in files whose tests load large libraries: the clients of providers, and those of numbers and tables.

To import one takes a second or two, and so one process has all the files that load it.
"""

_owners: dict[Path, int] = {}
_dealt: Counter[int] = Counter()


class OfAnotherProcess(pytest.Module):
    """A file that this process does not even import."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Find nothing."""
        return []


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Deal the files like cards.

    Those that are together in a folder take about as long, and so each process gets its share of what takes long. Every
    process finds the files in the same order, and so all agree on who has which.
    """
    if not _is_dealt_to(parent.config):
        return None
    mine = parent.config.workerinput  # type: ignore[attr-defined]
    if module_path not in _owners:
        _owners[module_path] = _deal(module_path.read_bytes(), mine["workercount"])
    is_mine = mine["workerid"] == f"gw{_owners[module_path]}"
    return None if is_mine else OfAnotherProcess.from_parent(parent, path=module_path)


def _deal(source: bytes, processes: int) -> int:
    """Deal a file to the process of those that load the same, or to the one that has the fewest; returns its number."""
    for number, named in enumerate(LARGE):
        if named.search(source):
            _dealt[number % processes] += 2  # on average they take twice as long
            return number % processes
    owner = min(range(processes), key=lambda number: _dealt[number])
    _dealt[owner] += 1
    return owner


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and say what its call came to; of what comes before and after only what went wrong."""
    if not _is_dealt_to(item.config):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


class AllThatEachFound(EachScheduling):  # type: ignore[misc]
    """Each process runs what it has found, and the progress that is shown is that of all together."""

    def schedule(self) -> None:
        """Start each process."""
        super().schedule()
        session = self.config.pluginmanager.get_plugin("session")
        assert isinstance(session, pytest.Session)
        session.testscollected = sum(map(len, self.node2collection.values()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> EachScheduling | None:
    """Have each process run all that it has found."""
    return AllThatEachFound(config, log) if config.getoption("--deal") else None


def _is_dealt_to(config: pytest.Config) -> bool:
    return bool(config.getoption("--deal")) and hasattr(config, "workerinput")
