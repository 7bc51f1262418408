"""A run of whose cases too many failed has failed; one of whose cases fewer did is a partial failure."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.errors import ConfigError
from themis.core.experiment import Experiment
from themis.core.stores import InMemoryRunStore
from themis.core.submission import run_worker_once, submit_experiment


def failing(failures: int, *, of: int, share: float | None) -> Experiment:
    """An experiment of which so many cases fail."""
    generator = ScriptedGenerator(lambda case, _: KeyError(case.case_id) if int(case.case_id[1:]) < failures else "a")
    runtime = RuntimeConfig.model_validate({"max_failed_share": share, "breaker": {"failures": 1_000}})
    return experiment(generator, datasets=[dataset(of)], metrics=[ScriptedMetric()], runtime=runtime)


@pytest.mark.parametrize(
    ("failures", "share", "status"),
    [
        (0, 0.0, "completed"),
        (1, 0.0, "failed"),
        (1, None, "partial_failure"),
        (29, 0.29, "partial_failure"),
        (30, 0.29, "failed"),
        (99, 1.0, "partial_failure"),
        (100, 1.0, "failed"),
        (100, None, "failed"),
    ],
)
def test_the_share_of_failed_cases_decides(failures: int, share: float | None, status: str) -> None:
    result = failing(failures, of=100, share=share).run()
    assert (result.status, result.progress.failed_cases) == (status, failures)


def test_a_run_that_failed_for_its_share_says_so_and_keeps_its_scores() -> None:
    result = failing(3, of=10, share=0.2).run()
    assert result.error == (
        "3 of 10 cases failed, more than runtime.max_failed_share, 0.2, allows; "
        "when it is started again, those that failed are tried again"
    )
    assert (result.metrics["lab/metric"].mean, result.metrics["lab/metric"].scored) == (1.0, 7)


def test_when_it_is_started_again_only_what_failed_is_tried_again() -> None:
    store, broken = InMemoryRunStore(), True
    generator = ScriptedGenerator(lambda case, _: KeyError("x") if broken and case.case_id < "q3" else "a")
    runtime = RuntimeConfig(max_failed_share=0.2)
    made = experiment(generator, datasets=[dataset(10)], metrics=[ScriptedMetric()], runtime=runtime)
    assert made.run(store=store).status == "failed"
    broken = False
    generator.calls.clear()
    assert made.run(store=store).status == "completed"
    assert [case_id for case_id, _ in generator.calls] == ["q0", "q1", "q2"]


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "5%"])
def test_a_share_is_a_number_from_0_to_1(tmp_path: Path, share: Any) -> None:
    (tmp_path / "e.yaml").write_text("{generation: {generator: builtin/demo_generator}, evaluation: {}}")
    with pytest.raises(ConfigError, match=r"runtime\.max_failed_share"):
        Experiment.from_config(tmp_path / "e.yaml", overrides=[f"runtime.max_failed_share={share}"])


@pytest.mark.parametrize(
    ("raised", "state", "cause"), [("KeyError", "failed", "failed cases"), ("OSError", "queued", "transient")]
)
def test_its_job_is_tried_again_only_for_a_passing_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: str, state: str, cause: str
) -> None:
    module = f"fails_with_{raised.lower()}"
    (tmp_path / f"{module}.py").write_text(
        f"def ask(prompt):\n    if prompt < 3:\n        raise {raised}('no')\n    return prompt\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    listed = [{"case_id": f"q{number}", "input": number, "expected_output": number} for number in range(10)]
    (tmp_path / "e.yaml").write_text(
        f"generation: {{generator: {{use: callable, with: {{target: '{module}:ask'}}}}}}\n"
        "evaluation: {metrics: [builtin/exact_match]}\n"
        "runtime: {max_failed_share: 0.2, generation_retry_delay: 0}\n"
        f"datasets: [{{dataset_id: d, cases: {listed}}}]\n"
    )
    made = Experiment.from_config(tmp_path / "e.yaml")
    submit_experiment(made)
    result = run_worker_once(tmp_path / "runs" / "queue")
    assert result is not None
    assert result.status == "failed"
    (row,) = made.open_store().jobs.find("", 9)
    assert (row.state, row.cause) == (state, cause)
    assert (row.message or "").startswith("3 of 10 cases failed, more than runtime.max_failed_share, 0.2, allows")
