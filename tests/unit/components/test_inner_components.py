"""Components among the arguments of another one: what it is, and what is said of it, covers them."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import experiment
from themis.core.builtins.reducers.majority_vote import MajorityVote
from themis.core.components.resolution import PARSER, REDUCER, LoadedComponent, load_component
from themis.core.errors import ComponentError, FingerprintChangedError, MissingSecretError
from themis.core.experiment import Experiment

MODULE = """
from themis.core.models import ParsedOutput
class Inner:
    component_id, version = "acme/inner", "1"
    fingerprint_files = ["{folder}/words.txt"]
    def __init__(self, key="", depth=1): self.key, self.depth = key, depth
    def fingerprint(self): return f"{{self.key}} {{self.depth}}"
    def parse(self, candidate, ctx): return ParsedOutput(value=1)
"""


@pytest.fixture
def inner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with a parser that reads a file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "words.txt").write_text("a")
    file = tmp_path / f"inner_{abs(hash(tmp_path))}.py"
    file.write_text(MODULE.format(folder=tmp_path))
    return file


def _vote(parser: Any) -> LoadedComponent:
    return load_component({"use": "builtin/majority_vote", "with": {"parser": parser}}, REDUCER, where="the place")


def test_source_and_files_of_an_inner_component_are_those_of_the_outer_one(inner: Path) -> None:
    alone = load_component("builtin/majority_vote", REDUCER, where="the place").ref
    ref = _vote(f"{inner.stem}:Inner").ref
    assert set(ref.sources or {}) - set(alone.sources or {}) == {inner.name}
    assert ref.source_hash != alone.source_hash
    assert [name.startswith("acme/inner: ") for name in ref.files] == [True]


def test_it_makes_no_difference_whether_the_inner_one_is_named_or_an_object(inner: Path) -> None:
    named = _vote(f"{inner.stem}:Inner").ref
    live = load_component(MajorityVote(named_parser(inner)), REDUCER, where="the place").ref
    assert (live.fingerprint, live.files, live.sources, live.source_hash) == (
        named.fingerprint,
        named.files,
        named.sources,
        named.source_hash,
    )


def named_parser(inner: Path) -> Any:
    return load_component(f"{inner.stem}:Inner", PARSER, where="the place").live


def test_a_file_of_an_inner_component_that_changes_is_noticed_before_the_run(inner: Path) -> None:
    reducer = {"use": "builtin/majority_vote", "with": {"parser": f"{inner.stem}:Inner"}}

    def compiled() -> Experiment:
        made = experiment()
        made = made.model_copy(update={"generation": made.generation.model_copy(update={"reducer": reducer})})
        made.compile()
        return made

    assert compiled().run().status.value == "completed"
    late = compiled()
    (inner.parent / "words.txt").write_text("b")
    with pytest.raises(FingerprintChangedError, match=r"words\.txt has changed"):
        late.run()


def test_the_secret_of_an_inner_component_is_not_part_of_what_the_outer_one_is(
    inner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"use": f"{inner.stem}:Inner", "with": {"key": "env:INNER_KEY"}}
    refs = []
    for secret in ("first-secret-1", "second-secret-2"):
        monkeypatch.setenv("INNER_KEY", secret)
        found = _vote(spec)
        assert found.inner[0].live.key == secret
        refs.append(found.ref)
    assert refs[0].identity() == refs[1].identity()
    assert "secret-1" not in refs[0].model_dump_json()
    monkeypatch.delenv("INNER_KEY")
    with pytest.raises(MissingSecretError, match=r"the place\.with\.parser"):
        _vote(spec)


def test_a_secret_that_reads_like_a_reference_is_not_resolved_again(
    inner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNER_KEY", "env:NOT_THERE")
    found = _vote({"use": f"{inner.stem}:Inner", "with": {"key": "env:INNER_KEY"}})
    assert found.inner[0].live.key == "env:NOT_THERE"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"use": "builtin/text", "whit": {}}, "the place.with.parser: .*holds only .*, not 'whit'"),
        (
            {"use": "builtin/choice_letter", "with": {"which": "x"}},
            "the place.with.parser: .*: which: must be last or first",
        ),
        (["builtin/text", "builtin/f1"], "the place.with.parser.1: 'builtin/f1' is not a parser"),
    ],
)
def test_the_fault_of_an_inner_component_names_its_place(spec: Any, words: str) -> None:
    with pytest.raises(ComponentError, match=words):
        _vote(spec)


def test_the_names_of_inner_components_are_known(inner: Path) -> None:
    assert list(_vote(f"{inner.stem}:Inner").uses()) == ["builtin/majority_vote", f"{inner.stem}:Inner"]
    assert list(load_component(MajorityVote(named_parser(inner)), REDUCER, where="the place").uses()) == []
