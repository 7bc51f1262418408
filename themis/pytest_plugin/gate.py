"""The gate at the end of a session of pytest: its verdict is the exit code, and its reasons are shown.

`themis gate` runs as a process of its own: it is the one place that judges a policy, and takes the standard streams.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from themis.pytest_plugin.cases import SCORE_PROPERTY

DECISIONS = frozenset({0, 3, 8})
"""Exit codes of go, no-go and undecided."""


class GatePlugin:
    """Judges the policy when all tests have ended; a case that is below its threshold is then no failure by itself."""

    def __init__(self, config: pytest.Config) -> None:
        self._folder = config.invocation_params.dir
        self._policy = str(self._folder / config.getoption("themis_gate"))
        self._other_failures = 0
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the failures that are not the score of a case."""
        is_score = report.when == "call" and any(name == SCORE_PROPERTY for name, _ in report.user_properties)
        self._other_failures += report.failed and not is_score

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Let the verdict be the exit code, unless a test failed that is not about a score, or pytest itself did."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        has_ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
        if not has_ended or self._other_failures:
            self._lines = ["not judged: there are failures that are not scores"]
            return
        session.exitstatus = self._judge()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdict on each benchmark, and the decision."""
        terminalreporter.section("themis gate")
        for line in self._lines:
            terminalreporter.write_line(line)

    def _judge(self) -> int:
        command = [sys.executable, "-m", "themis", "gate", "--policy", self._policy, "--json"]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)  # noqa: S603  # ours
        if done.returncode not in DECISIONS:
            self._lines = done.stderr.splitlines()
            return pytest.ExitCode.USAGE_ERROR
        found = json.loads(done.stdout)
        rows = [(one["name"], one["tier"], one["verdict"], one["reason"]) for one in found["benchmarks"]]
        self._lines = [f"{name} ({tier}): {verdict}: {reason}" for name, tier, verdict, reason in rows]
        self._lines.append(found["decision"])
        return done.returncode
