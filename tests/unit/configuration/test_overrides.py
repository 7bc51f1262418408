"""Overrides touch what they name and nothing else."""

from pathlib import Path

import pytest

from themis.core.configuration.config_file import load_config
from themis.core.errors import ConfigError, OverrideError

SHARED = """\
generation:
  generator: &lab {use: "lab:make", with: {temperature: 0.5, tools: [a, b]}}
  reducer: *lab
evaluation:
  metrics: [*lab, {<<: *lab, use: "lab:other"}]
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A config file in which one value stands in four places."""
    file = tmp_path / "experiment.yaml"
    file.write_text(SHARED)
    return file


def test_an_override_of_an_alias_leaves_the_others_alone(shared: Path) -> None:
    config = load_config(
        shared, overrides=["generation.reducer.with.temperature=1.0", "evaluation.metrics.0.with.tools.1=z"]
    )
    plain = {"use": "lab:make", "with": {"temperature": 0.5, "tools": ["a", "b"]}}
    assert config.generation.generator == plain
    assert config.generation.reducer == {"use": "lab:make", "with": {"temperature": 1.0, "tools": ["a", "b"]}}
    assert config.evaluation.metrics[0] == {"use": "lab:make", "with": {"temperature": 0.5, "tools": ["a", "z"]}}
    assert config.evaluation.metrics[1] == {"use": "lab:other", "with": plain["with"]}


def test_overrides_change_no_file(shared: Path) -> None:
    load_config(shared, overrides=["runtime.max_attempts=9"])
    assert shared.read_text() == SHARED
    assert load_config(shared).runtime.max_attempts == 3


@pytest.mark.parametrize("index", ["9" * 5_000, "1_0", "+1", " 0", "²", ""])
def test_what_is_no_index_is_refused(shared: Path, index: str) -> None:
    with pytest.raises(OverrideError):
        load_config(shared, overrides=[f"evaluation.metrics.{index}.use=x"])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("generation=5", "generation: must be"),
        ("seeds=", "seeds: must be a list, not null"),
        ("storage=", "storage: must be"),
        ("runtime.timeout_s=.nan", "runtime.timeout_s: must be a finite number"),
        ("runtime.timeout_s=soon", "runtime.timeout_s: must be a number, not 'soon'"),
        ("seeds=[1, !!set {2}]", "holds a set"),
        ("seeds=*nowhere", "undefined alias"),
        ("seeds={[1]: 2}", "a key must be a text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_line(shared: Path, override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(shared, overrides=[override])
    assert "\n" not in str(caught.value)


def test_an_override_may_set_what_the_file_leaves_empty(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text("generation: {generator: builtin/demo_generator, candidate_policy: }\nevaluation:\n")
    config = load_config(
        file, overrides=["generation.candidate_policy.num_samples=2", "evaluation.metrics=[builtin/f1]"]
    )
    assert config.generation.candidate_policy == {"num_samples": 2}
    assert config.evaluation.metrics == ["builtin/f1"]


def test_paths_in_overrides_are_beside_the_file_too(shared: Path) -> None:
    config = load_config(shared, overrides=["storage.parameters.path=here.sqlite3", "runtime.queue_root=/there"])
    assert config.storage.parameters["path"] == str(shared.parent / "here.sqlite3")
    assert config.runtime.queue_root == "/there"
