"""The demo as files, and as experiments that run."""

from pathlib import Path

import pytest

from tests.support.lab import scores_of
from themis.core.configuration.config_file import load_config
from themis.core.experiment import Experiment
from themis.core.results import RunStatus
from themis.demo import write_demo


def test_it_writes_the_problems_and_one_config_a_model(tmp_path: Path) -> None:
    configs = write_demo(tmp_path / "new" / "demo", problems=20)
    assert [config.name for config in configs] == ["sage.yaml", "scout.yaml", "sprout.yaml"]
    data = tmp_path / "new" / "demo" / "data" / "problems.jsonl"
    assert len(data.read_text().splitlines()) == 20
    assert sorted(path.name for path in data.parent.parent.iterdir()) == ["data", *(config.name for config in configs)]


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    def texts(folder: str, seed: int) -> list[str]:
        configs = write_demo(tmp_path / folder, problems=5, seed=seed)
        return [path.read_text() for path in (*configs, tmp_path / folder / "data" / "problems.jsonl")]

    assert texts("a", 1) == texts("b", 1) == texts("a", 1)
    assert texts("a", 1) != texts("a", 2)


def test_a_config_is_one_that_themis_reads(tmp_path: Path) -> None:
    written = write_demo(tmp_path, problems=3)
    assert {path.suffix for path in written} == {".yaml"}
    for path in written:
        config = load_config(path)
        assert config.storage.parameters["path"] == str(tmp_path / "runs" / "themis.sqlite3")
        assert config.runtime.queue_root == str(tmp_path / "runs" / "queue")


@pytest.mark.parametrize("model", ["sage", "sprout"])
def test_an_experiment_runs_and_scores_what_was_answered(tmp_path: Path, model: str) -> None:
    write_demo(tmp_path, problems=60)
    config = tmp_path / f"{model}.yaml"
    result = Experiment.from_config(config, overrides=["generation.generator.with.latency_ms=0"]).run()
    assert result.status in {RunStatus.COMPLETED, RunStatus.PARTIAL_FAILURE}
    assert result.progress.total_cases == 60
    scores = [score for case in result.cases for score in scores_of(case)]
    assert len(scores) == result.progress.completed_cases
    assert not any(case.generation_failures for case in result.cases)
    assert set(scores) == {0.0, 1.0}
