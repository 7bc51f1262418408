"""`fingerprint_files`: what a component reads from files is part of what it is."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedParser, experiment
from themis.core.components.resolution import PARSER, load_component
from themis.core.errors import ComponentError, FingerprintChangedError
from themis.core.experiment import Experiment

PARSER_MODULE = """
from pathlib import Path
from themis.core.models import ParsedOutput
class Thing:
    component_id, version = "plug/thing", "1"
    fingerprint_files = ["words.txt"]
    def fingerprint(self): return "1"
    def parse(self, candidate, ctx): return ParsedOutput(value=1)
"""


def _parser(*files: Any) -> ScriptedParser:
    made = ScriptedParser(lambda output: output, component_id="lab/parser")
    made.fingerprint_files = list(files)  # type: ignore[attr-defined]
    return made


def _refusal(files: Any) -> str:
    made = _parser()
    made.fingerprint_files = files  # type: ignore[attr-defined]
    with pytest.raises(ComponentError) as caught:
        load_component(made, PARSER, where="evaluation.parsers.0")
    assert str(caught.value).startswith("evaluation.parsers.0: 'ScriptedParser': fingerprint_files: ")
    return str(caught.value).partition("fingerprint_files: ")[2]


def test_the_content_of_a_file_decides_what_a_run_is_and_its_place_does_not(tmp_path: Path) -> None:
    one, other, same = (tmp_path / name for name in ("one.txt", "other.txt", "deep"))
    one.write_text("a")
    other.write_text("b")
    same.mkdir()
    (same / "again.txt").write_text("a")

    def run_id(*files: Any) -> str:
        return experiment(parser=_parser(*files)).compile().run_id

    ids = [run_id(), run_id(one), run_id(other), run_id(one, other), run_id(other, one)]
    assert len(set(ids)) == 5
    assert run_id(str(same / "again.txt")) == run_id(one)
    assert str(tmp_path) not in str(experiment(parser=_parser(one)).compile().identity)


def test_a_file_that_changes_after_compiling_is_noticed_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("a")
    generator = ScriptedGenerator()
    made = experiment(generator, parser=_parser(file))
    made.compile()
    file.write_text("b!")
    with pytest.raises(FingerprintChangedError, match=r"lab/parser has changed .* \(.*words\.txt has changed\)"):
        made.run()
    assert generator.calls == []


@pytest.mark.parametrize("folder", ["beside its module", "beside the config file"])
def test_a_relative_path_is_looked_for_beside_the_module_then_beside_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    modules, configs = tmp_path / "beside its module", tmp_path / "beside the config file"
    modules.mkdir()
    configs.mkdir()
    (modules / "fingerprinted_thing.py").write_text(PARSER_MODULE)
    (configs / "experiment.yaml").write_text(
        "generation: {generator: builtin/demo_generator}\n"
        "evaluation: {parsers: ['fingerprinted_thing:Thing']}\n"
        "storage: {store: memory}\n"
        "datasets: [{dataset_id: d, cases: [{case_id: a, input: 1}]}]\n"
    )
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.chdir("/")

    def run_id() -> str:
        sys.modules.pop("fingerprinted_thing", None)
        return Experiment.from_config(configs / "experiment.yaml").compile().run_id

    with pytest.raises(ComponentError) as caught:
        run_id()
    for place in (modules, configs):
        assert str(place / "words.txt") in str(caught.value)
    (tmp_path / folder / "words.txt").write_text("a")
    before = run_id()
    (tmp_path / folder / "words.txt").write_text("ab")
    assert run_id() != before
    sys.modules.pop("fingerprinted_thing", None)


def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert _refusal([tmp_path / "gone.txt"]) == f"there is no file {tmp_path / 'gone.txt'}"
    assert _refusal([tmp_path / "fifo" / "x"]) == f"there is no file {tmp_path / 'fifo' / 'x'}"
    assert _refusal([tmp_path]) == f"{tmp_path} is not a regular file"
    assert _refusal([tmp_path / "fifo"]) == f"{tmp_path / 'fifo'} is not a regular file"
    assert _refusal(["x" * 5_000]).endswith("cannot be read: File name too long")
    assert _refusal("words.txt") == "must be a list of paths, not str"
    assert _refusal([5]) == "must be a list of paths, and 5 is not one"
    assert _refusal(["a\0b"]) == "must be a list of paths, and 'a\\x00b' is not one"


@pytest.mark.slow
@pytest.mark.not_smoke
def test_a_large_file_is_never_in_memory_whole(tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    with file.open("wb") as opened:
        opened.truncate(400 * 2**20)
    import resource  # noqa: PLC0415  # beside its only use

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    load_component(_parser(file), PARSER, where="test")
    load_component(_parser(file), PARSER, where="test")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
