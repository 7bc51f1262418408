"""What all tests share."""

import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from tests.support.dealing import pytest_pycollect_makemodule, pytest_runtest_protocol, pytest_xdist_make_scheduler
from tests.support.project_copy import PROJECT
from themis.core.components import provenance
from themis.core.engine.limits.providers import providers
from themis.core.media.media_folder import FOLDER_VARIABLE as MEDIA_VARIABLE
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.text import masking

# The machine may be busy with the other tests' processes: an example that takes long says nothing about the code.
# Each run tries other examples, and there are many runs.
settings.register_profile("themis", deadline=None, max_examples=25)
settings.load_profile("themis")

# A shell that starts the tests in the background has them ignore Ctrl-C, and whatever they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start Python some hundreds of times. Where the environment says to keep no bytecode, each of these processes
# would compile the source again, which takes longer than most of what they do.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


__all__ = ["pytest_pycollect_makemodule", "pytest_runtest_protocol", "pytest_xdist_make_scheduler"]  # hooks, for pytest

WITHOUT_FILES, WITH_FILES = 6, 2
"""How many tests of a module `make smoke` tries."""

# What is collected is there until the end: looking for garbage in it would take half of the time that collecting does,
# and some of each test's.


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deal", action="store_true", help="each process of xdist finds and runs a share of the files")
    parser.addoption("--short", action="store_true", help="slow tests try a sample of what they try in full")
    parser.addoption(
        "--smoke", action="store_true", help="try a case of a few tests of each file, if it takes a moment"
    )
    parser.addoption(
        "--soak-seconds", type=float, default=600.0, help="how long a soak test goes on; one round at least"
    )


@pytest.fixture
def in_utc() -> Iterator[None]:
    """Times that people see are those of UTC, wherever the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    cases = together(items, by="[")
    for several in cases:
        if few := several[0].get_closest_marker("few"):
            quick = [case for case in several if case.get_closest_marker("slow") is None]
            left = spread(quick, *few.args)
            for case in quick:
                if case not in left:
                    case.add_marker("slow")
    if config.getoption("--smoke"):
        firsts = [several[0] for several in cases if is_for_smoke(several[0])]
        chosen = {item for tests in together(firsts, by="::") for item in of_a_file(tests)}
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = [item for item in items if item in chosen]


def is_for_smoke(item: pytest.Item) -> bool:
    """A quick test of one example, which takes a moment."""
    is_quick = all(item.get_closest_marker(name) is None for name in ("slow", "soak", "not_smoke"))
    return is_quick and not getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def of_a_file(tests: list[pytest.Item]) -> list[pytest.Item]:
    """Some of them; what needs files takes ten times as long as what does not."""
    with_files = [test for test in tests if "tmp_path" in getattr(test, "fixturenames", ())]
    without = [test for test in tests if test not in with_files]
    return [*spread(without, WITHOUT_FILES), *spread(with_files, WITH_FILES)]


def together(items: list[pytest.Item], by: str) -> list[list[pytest.Item]]:
    """Those whose ids are the same up to a mark: the cases of a test, or the tests of a file."""
    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        found.setdefault(item.nodeid.partition(by)[0], []).append(item)
    return list(found.values())


def spread(items: list[pytest.Item], count: int) -> list[pytest.Item]:
    """So many of them, from the first one on, as far apart as they can be."""
    places = {number * len(items) // count for number in range(count)}
    return [item for place, item in enumerate(items) if place in places]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say what the tests took of the processors: that of processes that share them, and of all that they started."""
    if hasattr(config, "workerinput") or config.option.verbose < 0:
        return
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sys.stdout.write(f"{sum(one.ru_utime + one.ru_stime for one in used):.0f} core-seconds\n")


@pytest.fixture(autouse=True)
def no_secret_is_known_from_another_test() -> Iterator[None]:
    """What one test resolved is nothing to the next one in its process."""
    yield
    masking.forget()


@pytest.fixture(autouse=True)
def no_run_of_another_test_asks_a_provider() -> Iterator[None]:
    """Whoever takes part in a provider's limits leaves them: what one test learned would hold for the next one."""
    yield
    left = [limits.provider for limits in providers.asked()]
    providers.forget()
    assert left == []


@pytest.fixture(scope="session", autouse=True)
def git_is_asked_once_for_the_commit_of_this_project() -> Iterator[None]:
    """Each experiment made here keeps it, and to ask takes longer than most runs; for other folders git is asked."""
    answer = lru_cache(lambda *command: subprocess.run(command, capture_output=True, text=True, check=False))

    def run(command: list[str], *, check: bool, **how: Any) -> "subprocess.CompletedProcess[str]":
        known = command[:3] == ["git", "-C", str(PROJECT)]
        return answer(*command) if known else subprocess.run(command, check=check, **how)

    with pytest.MonkeyPatch.context() as patch:
        stand_in = SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired)
        patch.setattr(provenance, "subprocess", stand_in)
        yield


@pytest.fixture(scope="session", autouse=True)
def limits_of_this_user_are_not_touched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Limits that somebody has set for the providers of this machine hold for no test, nor for what a test starts."""
    before = {name: os.environ.pop(name, None) for name in (FOLDER_VARIABLE, "XDG_STATE_HOME")}
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["XDG_STATE_HOME"]
    os.environ.update({name: value for name, value in before.items() if value is not None})


@pytest.fixture(scope="session", autouse=True)
def media_of_this_user_are_not_touched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test puts files of prompts into the folder of this user, nor removes any there."""
    before = os.environ.get(MEDIA_VARIABLE)
    os.environ[MEDIA_VARIABLE] = str(tmp_path_factory.mktemp("media"))
    yield
    del os.environ[MEDIA_VARIABLE]
    os.environ.update({} if before is None else {MEDIA_VARIABLE: before})


@pytest.fixture(scope="session")
def short(request: pytest.FixtureRequest) -> bool:
    """Whether a slow test should try a sample only."""
    return bool(request.config.getoption("--short"))


@pytest.fixture(scope="session")
def soak_seconds(request: pytest.FixtureRequest) -> float:
    """How long a soak test should go on."""
    return float(request.config.getoption("--soak-seconds"))
