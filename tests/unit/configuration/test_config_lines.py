"""A key is found on the line that somebody wrote it on."""

from pathlib import Path

import pytest

from themis.core.configuration.config_lines import line_of

YAML = """\
# a comment
generation:
  generator:
    use: openai
    with: {model_id: m, params: {temperature: 0,
           seed: 1}}
datasets:
  - dataset_id: one
  - dataset_id: two
    path: x.jsonl
"""

TOML = """\
[generation.generator]
use = "openai"   # a comment
with.model_id = "m"

[generation.generator.with.params]
temperature = 0
"top_p" = 1

[evaluation]
temperature = 3
on_stop = {truncated = "score", refused = "score"}
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("generation", 2),
        ("generation.generator.use", 4),
        ("generation.generator.with.params.temperature", 5),
        ("generation.generator.with.params.seed", 6),
        ("datasets.1.path", 10),
        ("datasets.0", 8),
        ("datasets.2", None),
        ("datasets.x", None),
        ("generation.generator.with.params.top_p", None),
        ("generation.generator.use.more", None),
        ("", None),
    ],
)
def test_a_key_of_yaml_has_its_line(key: str, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(YAML, encoding="utf-8")
    assert line_of(path, key) == line


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("generation.generator.use", 2),
        ("generation.generator.with.model_id", 3),
        ("generation.generator.with.params.temperature", 6),
        ("generation.generator.with.params.top_p", 7),
        ("evaluation.temperature", 10),
        ("evaluation.on_stop.refused", 11),
        ("storage.store", None),
    ],
)
def test_a_key_of_toml_has_its_line(key: str, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text(TOML, encoding="utf-8")
    assert line_of(path, key) == line


@pytest.mark.parametrize("text", ["a: [", "\0", ""])
def test_a_file_that_changed_meanwhile_has_no_lines(text: str, tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    assert line_of(path, "a.b") is None
    assert line_of(tmp_path / "gone.yaml", "a.b") is None
