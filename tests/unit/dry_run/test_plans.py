"""A dry run says what a run would do, and does none of it."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.dry_run.job_plan import plan_submission
from themis.core.dry_run.run_plan import RunPlan, plan_run
from themis.core.errors import (
    ConfigError,
    LiveComponentError,
    QueueRootError,
    QueueUnwritableError,
    RunExistsError,
    StoreError,
)
from themis.core.experiment import Experiment
from themis.core.submission import submit_experiment

ALL = 20


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lab(tmp_path: Path, generator: Any = None, **facts: Any) -> Experiment:
    facts = {"datasets": [dataset(ALL)], "path": tmp_path / "s.sqlite3", "metrics": [ScriptedMetric()], **facts}
    return experiment(generator or ScriptedGenerator(), **facts)


def counts(plan: RunPlan) -> tuple[int, int, int, int]:
    return plan.stored_cases, plan.left_cases, plan.generation_calls, plan.stored_generations


def test_a_new_run_would_ask_for_every_candidate_and_make_its_store(tmp_path: Path) -> None:
    generator = ScriptedGenerator()
    plan = plan_run(lab(tmp_path, generator, samples=3))
    assert counts(plan) == (0, ALL, 3 * ALL, 0)
    assert (plan.status, plan.store, plan.store_exists) == (None, str(tmp_path / "s.sqlite3"), False)
    assert (generator.calls, everything(tmp_path)) == ([], {})


def test_what_is_stored_by_this_run_or_by_others_is_not_asked_for(tmp_path: Path) -> None:
    generator = ScriptedGenerator()
    made = lab(tmp_path, generator)
    made.narrowed(limit=5).run()
    gc.collect()  # closes the store of that run, whose files would otherwise change at any moment
    before = everything(tmp_path)
    assert counts(plan_run(made)) == (0, ALL, 15, 5)
    assert counts(plan_run(made.narrowed(limit=5))) == (5, 0, 0, 0)
    assert counts(plan_run(made.narrowed(limit=2))) == (0, 2, 0, 2)
    assert everything(tmp_path) == before
    plan = plan_run(made)
    generator.calls.clear()
    result = made.run()
    assert len(generator.calls) == plan.generation_calls
    assert (result.run_id, result.name) == (plan.run_id, plan.name)
    assert plan_run(made).status == "completed"


def test_the_failed_cases_of_a_run_would_be_tried_again(tmp_path: Path) -> None:
    made = lab(tmp_path, ScriptedGenerator(lambda case, _: KeyError("x") if case.case_id < "q2" else "a"))
    failed = made.run().progress.failed_cases
    plan = plan_run(made)
    assert (plan.status, failed) == ("partial_failure", 12)
    assert counts(plan) == (8, 12, 12, 0)


def test_a_run_from_scratch_uses_nothing_that_is_stored(tmp_path: Path) -> None:
    lab(tmp_path).run()
    plan = plan_run(lab(tmp_path, runtime=RuntimeConfig(existing_run_policy="rerun")))
    assert (plan.status, *counts(plan)) == (None, 0, ALL, ALL, 0)


def test_a_plan_up_to_a_stage_is_of_that_stage(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run("generate")
    assert counts(plan_run(made, "generate")) == (ALL, 0, 0, 0)
    assert counts(plan_run(made)) == (0, ALL, 0, ALL)


def test_judgments_are_counted(tmp_path: Path) -> None:
    text = (
        "generation: {generator: builtin/demo_generator}\n"
        "evaluation: {metrics: [builtin/llm_rubric], judge_models: [builtin/demo_judge],"
        " workflow_overrides: {rubric: Is it right?}}\n"
        "datasets: [{dataset_id: d, cases: [{case_id: a, input: x}, {case_id: b, input: y}]}]\n"
    )
    (tmp_path / "e.yaml").write_text(text)
    made = Experiment.from_config(tmp_path / "e.yaml")
    assert (plan_run(made).judgments, plan_run(made, "score").judgments) == (2, 0)
    made.run("score")
    assert (plan_run(made).judgments, plan_run(made).generation_calls) == (2, 0)
    made.run()
    assert plan_run(made).judgments == 0


def test_a_run_that_must_not_exist_is_refused_as_a_real_one_would_be(tmp_path: Path) -> None:
    lab(tmp_path).run()
    with pytest.raises(RunExistsError, match="exists already"):
        plan_run(lab(tmp_path, runtime=RuntimeConfig(existing_run_policy="error")))


def test_a_run_in_memory_has_no_store(tmp_path: Path) -> None:
    plan = plan_run(lab(tmp_path, path=None))
    assert (plan.store, plan.store_exists, *counts(plan)) == (None, False, 0, ALL, ALL, 0)


def test_the_process_that_has_the_run_is_named(tmp_path: Path) -> None:
    made = lab(tmp_path)
    store = made.open_store()
    made.run(store=store)
    assert plan_run(made).held_by is None
    with store.hold_run(made.compile().run_id):
        assert str(os.getpid()) in (plan_run(made).held_by or "")


def config(tmp_path: Path, **more: str) -> Experiment:
    text = "generation: {generator: builtin/demo_generator}\nevaluation: {metrics: [builtin/exact_match]}\n"
    listed = [case.model_dump() for case in dataset(3).cases]
    (tmp_path / "e.yaml").write_text(f"{text}datasets: [{{dataset_id: d, cases: {listed}}}]\n")
    return Experiment.from_config(tmp_path / "e.yaml", overrides=[f"{key}={value}" for key, value in more.items()])


@pytest.mark.parametrize("mode", ["worker_pool", "batch"])
def test_a_submission_would_go_to_its_folder(tmp_path: Path, mode: Any) -> None:
    made = config(tmp_path)
    before = everything(tmp_path)
    plan = plan_submission(made, tmp_path / "e.yaml", mode, ["gpu"])
    folder = tmp_path / "runs" / ("batch" if mode == "batch" else "queue")
    assert (plan.folder, plan.folder_exists, plan.job, plan.tags) == (str(folder), False, None, ("gpu",))
    assert counts(plan.run) == (0, 3, 3, 0)
    assert everything(tmp_path) == before
    assert not folder.exists()


def test_a_job_that_is_there_already_is_named(tmp_path: Path) -> None:
    made = config(tmp_path)
    manifest = submit_experiment(made)
    before = everything(tmp_path)
    plan = plan_submission(made, None, "worker_pool")
    assert plan.job is not None
    assert plan.job in manifest.manifest_path.name
    assert (plan.job_state, plan.folder_exists) == ("queued", True)
    assert everything(tmp_path) == before
    refusing = config(tmp_path, **{"runtime.existing_run_policy": "error"})
    with pytest.raises(RunExistsError):
        plan_submission(refusing, None, "worker_pool")


def test_what_cannot_be_submitted_is_refused_as_a_real_submission_would_be(tmp_path: Path) -> None:
    with pytest.raises(LiveComponentError):
        plan_submission(lab(tmp_path), None, "worker_pool")
    with pytest.raises(ConfigError, match="'memory' cannot be reached by a worker"):
        plan_submission(config(tmp_path, **{"storage.store": "memory"}), None, "worker_pool")
    (tmp_path / "file").touch()
    with pytest.raises(QueueRootError):
        plan_submission(config(tmp_path, **{"runtime.queue_root": "file"}), None, "worker_pool")
    with pytest.raises(ConfigError, match="file is not a folder"):
        plan_submission(config(tmp_path, **{"runtime.batch_root": "file"}), None, "batch")


def test_a_store_or_a_queue_that_could_not_be_made_is_refused_as_a_run_would_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be made: .*file is not a folder"):
        plan_run(lab(tmp_path, path=tmp_path / "file" / "s.sqlite3"))
    made, elsewhere = config(tmp_path), config(tmp_path, **{"runtime.queue_root": "new/queue"})
    made.open_store().close()
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) == tmp_path / "runs")
    assert plan_submission(made, None, "worker_pool").job is None
    with pytest.raises(QueueUnwritableError, match="this user may not write to"):
        plan_submission(elsewhere, None, "worker_pool")
    with pytest.raises(StoreError, match="cannot be made: this user may not write to"):
        plan_run(lab(tmp_path, path=tmp_path / "s.sqlite3"))
