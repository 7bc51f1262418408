"""A test for each case of an experiment: it passes when the case's score reaches the threshold."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from themis.core.errors import ThemisError
from themis.pytest_plugin.scored_run import How, ScoredRun

SCORE_PROPERTY = "themis_score"
"""Property of the test of a case that has a score: what its failure means is for a gate to say."""


class CasePlugin:
    """Collects the files that `--themis-config` names; without paths on the command line only these."""

    def __init__(self, config: pytest.Config) -> None:
        self._how = How(
            metric_id=config.getoption("themis_metric"),
            threshold=config.getoption("themis_threshold"),
            is_stored=config.getoption("themis_stored"),
            waits="PYTEST_XDIST_WORKER" in os.environ,
        )
        folder = config.invocation_params.dir
        self._files = {(folder / file).resolve(): file for file in config.getoption("themis_config")}
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args = []
        named = {(folder / argument.partition("::")[0]).resolve() for argument in config.args}
        config.args += [str(folder / name) for file, name in self._files.items() if file not in named]

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> "CaseFile | None":
        """Return the cases of a file that an option names."""
        if file_path.resolve() not in self._files:
            return None
        found: CaseFile = CaseFile.from_parent(parent, path=file_path)
        found.how = self._how
        return found


class CaseFile(pytest.File):
    """The cases of an experiment. Collecting them reads the datasets, and runs nothing."""

    how: How

    def collect(self) -> Iterator["CaseItem"]:
        """Yield a test for each case."""
        try:
            run = ScoredRun(self.path, self.how)
            for case_key, name in run.cases():
                yield CaseItem.from_parent(self, name=name, run=run, case_key=case_key)
        except ThemisError as error:
            raise self.CollectError(str(error)) from None


class CaseItem(pytest.Item):
    """The test of a case."""

    def __init__(self, *, run: ScoredRun, case_key: str, **others: Any) -> None:
        super().__init__(**others)
        self._run = run
        self._case_key = case_key

    def setup(self) -> None:
        """Run the experiment, for all cases at once, when its first test begins; an error is one of each test."""
        problem = None
        try:
            if not self._run.has_scores:
                problem = f"no case has a score of {self._run.metric_id}: {self._why()}"
        except ThemisError as error:
            problem = str(error)
        if problem is not None:
            pytest.fail(problem, pytrace=False)

    def runtest(self) -> None:
        """Compare the score with the threshold; without a score the test is skipped."""
        row = self._run.rows.get(self._case_key)
        if row is None or row.value is None:
            pytest.skip(self._why())
        self.user_properties.append((SCORE_PROPERTY, row.value))
        if not row.value >= self._run.how.threshold:
            because = f" ({row.error_category})" if row.error_category else ""
            message = f"{row.metric_id} is {row.value:g}{because}, less than {self._run.how.threshold:g}"
            pytest.fail(message, pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place of the test: the config file, and the name of the case."""
        return self.path, None, self.name

    def _why(self) -> str:
        """The category of a case that has no score, and what happened."""
        row = self._run.rows.get(self._case_key)
        if row is None:
            return "the case has not ended"
        return ": ".join(part for part in (row.error_category, row.error_message) if part) or "unscored"
