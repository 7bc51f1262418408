"""The run of an experiment as tests need it: its cases by name before it is run, their scores in one metric after."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from themis.core.errors import InvalidArgumentError, RunBusyError, StoreMissingError, ThemisError, UnknownRunError
from themis.core.experiment import Experiment
from themis.core.read_models import BenchmarkScoreRow
from themis.core.snapshot import case_key
from themis.core.stores import RunStore, projections
from themis.core.text.lines import one_line

_LOOK_EVERY_S = 0.5


class How(NamedTuple):
    """Options of pytest that are about experiments.

    Attributes:
        metric_id: the metric that decides; None for the only one.
        threshold: the lowest score with which a case passes.
        is_stored: results are only read, nothing is run.
        waits: while another process has the run, as those that share the tests do, it is waited for.
    """

    metric_id: str | None
    threshold: float
    is_stored: bool
    waits: bool


class ScoredRun:
    """An experiment of a config file, and its scores, for which it is run when they are first asked for."""

    def __init__(self, config: Path, how: How) -> None:
        self.how = how
        self._experiment = Experiment.from_config(config)

    def cases(self) -> Iterator[tuple[str, str]]:
        """Yield the key of each case and its name: its id, after that of its dataset where there are several.

        Raises:
            InputError: a part of the experiment cannot be loaded.
            InvalidArgumentError: no metric decides.
        """
        run = self._experiment.compiled()
        _ = self.metric_id
        for source, dataset in zip(run.sources, run.snapshot.datasets, strict=True):
            before = f"{dataset.dataset_id}/" if len(run.sources) > 1 else ""
            for case in source.cases():
                yield case_key(dataset.dataset_id, case.case_id), one_line(f"{before}{case.case_id}")

    @cached_property
    def metric_id(self) -> str:
        """The id of the metric that decides."""
        metric_ids = self._experiment.compile().metric_ids
        asked = self.how.metric_id or (metric_ids[0] if len(metric_ids) == 1 else None)
        if asked not in metric_ids or asked is None:
            detail = f"name one of {', '.join(metric_ids)}" if metric_ids else "the experiment has no metric"
            raise InvalidArgumentError(argument="--themis-metric", detail=detail)
        return asked

    @property
    def rows(self) -> dict[str, BenchmarkScoreRow]:
        """The row of each case that has ended, by its key; the experiment is run for them unless it is `is_stored`.

        Raises:
            UnknownRunError: nothing is stored, and nothing is to be run.
            ThemisError: the run cannot continue.
        """
        if isinstance(self._found, ThemisError):
            raise self._found
        return self._found

    @cached_property
    def _found(self) -> dict[str, BenchmarkScoreRow] | ThemisError:
        """The rows, or why there are none: a run that failed is not tried again for each case."""
        try:
            rows = self._read()
        except ThemisError as error:
            return error
        of_metric = (row for row in rows if row.metric_id == self.metric_id and row.candidate_index is None)
        return {row.case_key: row for row in of_metric if row.case_key is not None}

    def _read(self) -> list[BenchmarkScoreRow]:
        run_id = self._experiment.compile().run_id
        with closing(self._opened(run_id)) as store:
            if not self.how.is_stored:
                self._run(store)
            elif store.load_run(run_id) is None:
                hint = "; it was not run yet, or the config, the data or a component has changed since"
                raise UnknownRunError(run_id=run_id, nearest=hint)
            return projections.benchmark_result(store, run_id).score_rows

    def _opened(self, run_id: str) -> RunStore:
        try:
            return self._experiment.open_store(must_exist=self.how.is_stored)
        except StoreMissingError as error:
            raise UnknownRunError(run_id=run_id, nearest=f": there is no {error.facts['path']} yet") from None

    @cached_property
    def has_scores(self) -> bool:
        """Whether any case has a score."""
        return any(row.value is not None for row in self.rows.values())

    def _run(self, store: RunStore) -> None:
        """Run what is not stored yet: several processes share the tests, so a finished run is never made again."""
        runtime = self._experiment.runtime.model_copy(update={"existing_run_policy": "auto"})
        while True:
            try:
                self._experiment.run(runtime=runtime, store=store)
            except RunBusyError:
                if not self.how.waits:
                    raise
                time.sleep(_LOOK_EVERY_S)
            else:
                return
