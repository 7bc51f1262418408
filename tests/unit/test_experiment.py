"""An experiment as a value: made, compiled, run."""

import asyncio
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.lab import ScriptedGenerator, dataset, experiment, scores_of
from themis.core.components import provenance
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.errors import ConfigError, FingerprintChangedError, StoreError, ThemisError
from themis.core.experiment import Experiment
from themis.core.stores import InMemoryRunStore, RunStore, register_store_backend, registry, sqlite_store

CONFIG = """\
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match], parsers: [builtin/json_identity]}
datasets: [{dataset_id: d, cases: [{case_id: a, input: x, expected_output: x}]}]
"""

MODULE = """
from themis.core.models import GenerationResult

class Generator:
    component_id = "test/beside"
    version = "1"
    def __init__(self, word="word"): self.word = word
    def fingerprint(self): return self.word
    async def generate(self, case, ctx): return GenerationResult(candidate_id="c", final_output=self.word)
"""


def written(folder: Path, text: str = CONFIG) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.yaml"
    path.write_text(text)
    return path


def test_the_same_file_runs_in_two_folders_each_with_results_of_its_own(tmp_path: Path) -> None:
    results = [Experiment.from_config(written(tmp_path / name)).run() for name in ("one", "two")]
    assert [result.status for result in results] == ["completed"] * 2
    assert results[0].run_id == results[1].run_id
    for name in ("one", "two"):
        assert (tmp_path / name / "runs" / "themis.sqlite3").is_file()


def test_modules_beside_the_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    module = f"beside_{tmp_path.name}"
    path = written(
        tmp_path, CONFIG.replace("builtin/demo_generator", f'{{use: "{module}:Generator", with: {{word: x}}}}')
    )
    (tmp_path / f"{module}.py").write_text(MODULE)
    made = Experiment.from_config(path)
    assert made.folder == tmp_path
    assert scores_of(made.run().cases[0]) == [1.0]


def test_overrides_apply_before_anything_is_checked(tmp_path: Path) -> None:
    path = written(tmp_path, CONFIG.replace("builtin/exact_match", "builtin/no_such_metric"))
    made = Experiment.from_config(path, overrides=["evaluation.metrics=[builtin/f1]"])
    assert made.compile().metric_ids == ["builtin/f1"]


def test_a_relative_file_is_as_good_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    made = Experiment.from_config("configs/experiment.yaml")
    monkeypatch.chdir("/")
    assert made.run().status == "completed"
    assert (path.parent / "runs" / "themis.sqlite3").is_file()


def test_what_is_true_of_the_machine_is_kept_and_decides_nothing(tmp_path: Path) -> None:
    made = experiment()
    snapshot = made.compile()
    kept = snapshot.provenance
    assert kept.themis_version == provenance.themis_version() == made.themis_version
    assert kept.python_version == provenance.python_version()
    assert kept.platform == provenance.platform_name()
    assert kept.dependency_versions["pydantic"]
    elsewhere = experiment().model_copy(update={"platform": "another", "git_commit": "f" * 40, "python_version": "9"})
    assert elsewhere.compile().run_id == snapshot.run_id
    assert elsewhere.compile().provenance.platform == "another"


def test_the_commit_is_that_of_the_config_files_folder(tmp_path: Path) -> None:
    path = written(tmp_path / "repository")
    assert Experiment.from_config(path).git_commit is None
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    for command in (("init", "-q"), ("add", "experiment.yaml"), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(path.parent), *command], check=True, env=environment)  # noqa: S607
    clean = Experiment.from_config(path).git_commit
    assert clean is not None
    assert len(clean) == 40
    path.write_text(CONFIG + "seeds: [1]\n")
    assert Experiment.from_config(path).git_commit == f"{clean}-dirty"


def test_compiling_runs_nothing_and_gives_the_same_each_time() -> None:
    generator = ScriptedGenerator()
    made = experiment(generator)
    first = made.compile()
    assert made.compile() is first
    assert generator.calls == []


@pytest.mark.parametrize(
    ("key", "meant"), [("num_sample", "num_samples"), ("pass_at_k", "pass_k"), ("bestof", "best_of")]
)
def test_a_mistyped_count_of_candidates_is_named_and_other_keys_are_left(key: str, meant: str) -> None:
    def with_policy(policy: dict[str, Any]) -> Experiment:
        lab = experiment(ScriptedGenerator())
        return lab.model_copy(update={"generation": lab.generation.model_copy(update={"candidate_policy": policy})})

    with pytest.raises(ConfigError, match=f"candidate_policy: unknown key '{key}'; did you mean '{meant}'"):
        with_policy({key: 3}).compile()
    assert with_policy({"style": 3}).compile().candidate_count == 1


def test_a_changed_copy_of_an_experiment_that_has_run_is_another_run() -> None:
    lab = experiment(ScriptedGenerator(), seeds=[1])
    first = lab.run()
    other = lab.model_copy(update={"seeds": [2]})
    assert other.run().run_id == experiment(ScriptedGenerator(), seeds=[2]).compile().run_id != first.run_id
    assert lab.compile().run_id == lab.model_copy().compile().run_id == first.run_id


def test_a_component_that_changes_after_compiling_is_noticed() -> None:
    generator = ScriptedGenerator()
    made = experiment(generator)
    made.compile()
    generator._fingerprint = "two"
    with pytest.raises(FingerprintChangedError, match="lab/generator has changed since the run was compiled") as caught:
        made.run()
    assert isinstance(caught.value, RuntimeError)
    assert generator.calls == []


@pytest.mark.parametrize(
    "answer", [None, "", 3, ValueError("broken"), b"bytes"], ids=["none", "empty", "number", "raises", "bytes"]
)
def test_a_component_that_does_not_say_what_it_is_is_refused(answer: Any) -> None:
    class Shy(ScriptedGenerator):
        def fingerprint(self) -> str:
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return]

    with pytest.raises(ThemisError, match=r"fingerprint\(\) must be a text|cannot tell its identity"):
        experiment(Shy()).compile()


def test_an_experiment_does_not_change_and_knows_its_fields() -> None:
    made = experiment()
    with pytest.raises(ValidationError):
        made.seeds = [1]  # type: ignore[misc]  # what is refused is what is tested
    with pytest.raises(ValidationError):
        Experiment(  # type: ignore[call-arg]  # what is refused is what is tested
            generation=GenerationConfig(generator="builtin/demo_generator"),
            evaluation=EvaluationConfig(),
            storage=StorageConfig(store="memory"),
            data=[],
        )


def test_a_store_and_a_runtime_may_be_given_for_one_run(tmp_path: Path) -> None:
    store, generator = InMemoryRunStore(), ScriptedGenerator()
    made = experiment(generator, path=tmp_path / "unused.sqlite3")
    result = made.run(store=store)
    assert [record.run_id for record in store.list_runs()] == [result.run_id]
    assert not (tmp_path / "unused.sqlite3").exists()
    again = made.run(store=store, runtime=RuntimeConfig(existing_run_policy="rerun"))
    assert again.run_id == result.run_id
    assert len(generator.calls) == 6


def test_without_a_store_memory_is_as_long_as_its_result(tmp_path: Path) -> None:
    result = experiment().run()
    assert [scores_of(case) for case in result.cases] == [[1.0]] * 3


def test_results_outlive_the_experiment(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    result = experiment(path=path).run()
    with closing(sqlite_store(path)) as store:
        view = store.get_projection(result.run_id, "run_result")
        assert len(view["cases"]) == 3
    assert len(result.cases) == 3


def test_a_backend_of_the_users_own_is_a_store_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    made: list[RunStore] = []

    def make(config: StorageConfig) -> RunStore:
        assert config == StorageConfig(store="lab", parameters={"shelf": 3})
        made.append(InMemoryRunStore())
        return made[-1]

    register_store_backend("lab", make)
    lab = experiment().model_copy(update={"storage": StorageConfig(store="lab", parameters={"shelf": 3})})
    result = lab.run()
    assert made[0].load_run(result.run_id) is not None


@pytest.mark.parametrize(
    ("storage", "error", "words"),
    [
        (StorageConfig(store="sqlit"), ConfigError, "no store 'sqlit'; did you mean \"sqlite\"?"),
        (StorageConfig(store="sqlite"), ConfigError, "storage.parameters: .*path"),
        (
            StorageConfig(store="sqlite", parameters={"path": "/x", "shelf": 3}),
            ConfigError,
            "storage.parameters: .*shelf",
        ),
        (StorageConfig(store="memory", parameters={"path": "/x"}), ConfigError, "storage.parameters: "),
        (StorageConfig(store="sqlite", parameters={"path": "/proc/no/such"}), StoreError, "/proc/no/such"),
    ],
    ids=["unknown", "no path", "unknown parameter", "none wanted", "impossible"],
)
def test_a_storage_that_cannot_be_is_refused_in_one_line(
    storage: StorageConfig, error: type[ThemisError], words: str
) -> None:
    lab = experiment().model_copy(update={"storage": storage})
    with pytest.raises(error, match=words) as caught:
        lab.run()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 1.5, "two", True, [2], None])
def test_a_number_of_candidates_is_a_whole_number_of_at_least_one(value: Any) -> None:
    lab = experiment().model_copy(
        update={"generation": GenerationConfig(generator=ScriptedGenerator(), candidate_policy={"num_samples": value})}
    )
    if value is None:
        assert lab.compile().candidate_count == 1
    else:
        with pytest.raises(ConfigError, match=r"generation\.candidate_policy\.num_samples must be a whole number"):
            lab.compile()


@pytest.mark.parametrize("key", ["num_samples", "pass_k", "best_of", "self_consistency_count"])
def test_the_largest_count_decides_how_many_candidates_there_are(key: str) -> None:
    policy: dict[str, Any] = {"num_samples": 2, "pass_k": 1, key: 3}
    generation = GenerationConfig(generator=ScriptedGenerator(), candidate_policy=policy)
    result = experiment().model_copy(update={"generation": generation}).run()
    assert len(result.cases[0].generated_candidates) == 3


def test_the_asynchronous_form_runs_beside_other_work() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async def program() -> Any:
        ticking = asyncio.create_task(tick())
        result = await experiment(datasets=[dataset(3_000)]).run_async()
        ticking.cancel()
        return result

    assert asyncio.run(program()).progress.completed_cases == 3_000
    assert ticks > 10
