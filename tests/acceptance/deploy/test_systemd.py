"""The units: systemd itself finds nothing to say about them."""

import configparser
import re
from pathlib import Path

import pytest

from tests.support.deployment import DEPLOY, TOP, fitted, run, tool

UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir() if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The folder, with commands that are on this machine."""
    for file in (DEPLOY / "systemd").rglob("*.*"):
        if file.is_file():
            target = tmp_path / file.relative_to(DEPLOY / "systemd")
            target.parent.mkdir(exist_ok=True)
            target.write_text(fitted(file, Path("/var/lib/themis")), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_about_a_unit(name: str, units: Path) -> None:
    verified = run(tool("systemd-analyze", "Debian's systemd"), "verify", units / name)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_systemd_does_find_a_mistake(units: Path) -> None:
    (units / "themis-.service.d" / "hardened.conf").write_text("[Service]\nProtectSystem=stricter\n", encoding="utf-8")
    verified = run(tool("systemd-analyze", "Debian's systemd"), "verify", units / SERVICES[0])
    assert "stricter" in verified.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_as_little_exposed_as_the_documentation_says(name: str, units: Path) -> None:
    program = tool("systemd-analyze", "Debian's systemd")
    shown = run(program, "security", "--offline=true", "--no-pager", units / name)
    figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown.stdout)
    assert figure is not None, shown.stdout + shown.stderr
    page = (TOP / "docs/guides/run-workers.md").read_text("utf-8")
    stated = re.search(r"systemd-analyze\s+security`\s+gives\s+it\s+([0-9.]+)", page)
    assert stated is not None
    assert float(figure[1]) <= float(stated[1])


def settings(name: str) -> dict[str, str]:
    """The `[Service]` of a unit."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    parser.read(DEPLOY / "systemd" / name, encoding="utf-8")
    return dict(parser["Service"])


def test_a_worker_that_was_asked_to_stop_has_not_failed_and_one_with_bad_options_is_not_started_again() -> None:
    worker = settings("themis-worker@.service")
    assert worker["Restart"] == "on-failure"
    assert set(worker["SuccessExitStatus"].split()) == {"5", "6"}
    assert worker["RestartPreventExitStatus"] == "2"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_nobody_special_even_without_the_drop_in(name: str) -> None:
    assert settings(name)["User"] == "themis"


def test_the_supervisor_may_make_its_pid_namespace() -> None:
    hardened = settings("themis-.service.d/hardened.conf")
    assert {"user", "pid", "mnt"} <= set(hardened["RestrictNamespaces"].split())
    assert "@mount" in hardened["SystemCallFilter"].split()
    covering_proc = {"ProtectKernelTunables", "ProtectKernelLogs", "ProtectHostname", "ProtectProc", "ProcSubset"}
    assert not covering_proc & hardened.keys()
