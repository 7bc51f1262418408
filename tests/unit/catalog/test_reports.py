"""Reports on runs of named benchmarks."""

from collections.abc import Callable
from typing import Any

import pytest

from themis import InMemoryRunStore, Reporter
from themis.catalog import get_benchmark
from themis.core import reports
from themis.core.errors import DemoJudgeError
from themis.core.inspection import get_run_snapshot
from themis.core.snapshot import RunSnapshot

REPORTS = ("export_json", "export_markdown", "export_markdown_summary", "export_csv", "export_latex")


def judged_by(judge_id: str) -> Callable[[Any, str], RunSnapshot]:
    """A reader of snapshots in which a judge has judged."""

    def read(store: Any, run_id: str) -> RunSnapshot:
        snapshot = get_run_snapshot(store, run_id)
        judge = snapshot.component_refs.generator.model_copy(update={"component_id": judge_id})
        refs = snapshot.component_refs.model_copy(update={"judge_models": [judge]})
        return snapshot.model_copy(update={"component_refs": refs})

    return read


@pytest.mark.parametrize("name", REPORTS)
def test_the_demo_judge_of_a_benchmark_is_refused_in_a_report_and_another_is_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark, store = get_benchmark("gsm8k"), InMemoryRunStore()
    dataset = benchmark.materialize_dataset(lambda _source: benchmark.sample.rows)
    run_id = benchmark.build_experiment(dataset=dataset).run(store=store).run_id
    report = getattr(Reporter(store), name)
    monkeypatch.setattr(reports, "get_run_snapshot", judged_by("mylab/judge"))
    assert report(run_id)
    monkeypatch.setattr(reports, "get_run_snapshot", judged_by("builtin/demo_judge"))
    with pytest.raises(DemoJudgeError, match="benchmark gsm8k was judged by builtin/demo_judge"):
        report(run_id)
