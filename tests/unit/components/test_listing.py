"""All components that an experiment can name: those of Themis, those of packages, and what is wrong with which."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installed_packages import METRIC, install, site_packages
from themis.cli.main import main
from themis.core.builtins import BUILTINS, BUILTINS_BY_KIND, GENERATORS
from themis.core.components.listing import KINDS, list_components

MODULE = "mylab_of_the_listing"
SOURCE = (
    METRIC.format(id="mylab/exact")
    + """
def typed() -> Exact: return Exact()
def untyped(): return Exact()
nothing = 3
made = Exact()
def rows(): return []
"""
)
POINTS = {
    "themis.components": {
        "mylab/exact": f"{MODULE}:Exact",
        "mylab/typed": f"{MODULE}:typed",
        "mylab/untyped": f"{MODULE}:untyped",
        "mylab/made": f"{MODULE}:made",
        "mylab/nothing": f"{MODULE}:nothing",
        "mylab/gone": f"{MODULE}:gone",
        "builtin/exact_match": f"{MODULE}:Exact",
        "builtin/new": f"{MODULE}:Exact",
    },
    "themis.generators": {"mylab/model": f"{MODULE}:untyped"},
    "themis.datasets": {"mylab/rows": f"{MODULE}:rows", "mylab/none": f"{MODULE}:nothing"},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with site_packages(tmp_path, monkeypatch) as folder:
        install(folder, "mylab-evals", "1.4", POINTS, {MODULE: SOURCE})
        yield folder


def test_each_shipped_component_is_listed_with_its_kind_and_its_version() -> None:
    shipped = {one.component_id: one for one in list_components() if one.is_built_in}
    assert list(shipped) == [*BUILTINS, *GENERATORS]
    assert all(one.kind in KINDS and one.version and one.problem is None for one in shipped.values())
    assert (shipped["builtin/f1"].kind, shipped["builtin/text"].kind) == ("metric", "parser")
    assert shipped["openai"].kind == "generator"
    assert all(shipped[one].kind == kind for kind, uses in BUILTINS_BY_KIND.items() for one in uses)


def test_what_a_package_offers_is_listed_without_making_it(site: Path) -> None:
    found = {one.component_id: one for one in list_components() if one.distribution == "mylab-evals"}
    assert {name: (one.kind, one.version) for name, one in found.items() if one.problem is None} == {
        "mylab/exact": ("metric", "3"),
        "mylab/made": ("metric", "3"),
        "mylab/typed": ("metric", "3"),
        "mylab/untyped": (None, None),
        "mylab/model": ("generator", None),
        "mylab/rows": ("dataset", None),
    }
    assert found["mylab/exact"].distribution_version == "1.4"


def test_what_cannot_be_used_is_listed_with_the_reason(site: Path) -> None:
    install(site, "other-evals", "0.2", {"themis.components": {"mylab/exact": f"{MODULE}:made"}})
    problems = {(one.component_id, one.distribution): str(one.problem) for one in list_components() if one.problem}
    begins = {
        "mylab/nothing": "is not a component: it has none of the methods of one",
        "mylab/gone": f"entry point {MODULE}:gone: module {MODULE} has no 'gone'",
        "mylab/none": "is not a function that yields records",
        "builtin/exact_match": "Themis has a component with this id, which is used instead",
        "builtin/new": "ids that begin with 'builtin' are those of Themis",
        "mylab/exact": "the id is declared more than once",
    }
    assert {name for name, _ in problems} == set(begins)
    assert ("mylab/exact", "other-evals") in problems
    assert all(said.startswith(begins[name]) for (name, _), said in problems.items()), problems


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["catalog", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_lists_components_for_programs(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _said(capsys, "list", "--components", "--json")
    assert code == 0
    rows: dict[str, Any] = {one["id"]: one for one in json.loads(out)["components"]}
    assert rows["mylab/rows"] == {
        "id": "mylab/rows",
        "kind": "dataset",
        "version": None,
        "built_in": False,
        "distribution": "mylab-evals",
        "distribution_version": "1.4",
        "path": f"{MODULE}:rows",
        "problem": None,
    }
    assert "themis: mylab/none of mylab-evals 1.4 cannot be used: is not a function that yields records\n" in err


def test_the_command_lists_components_for_people(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.cli.catalog.components.is_for_people", lambda *, as_json: not as_json)
    _, out, _ = _said(capsys, "list", "--components")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert lines["component"] == "kind version from is"
    assert lines["mylab/exact"] == f"metric 3 mylab-evals 1.4 {MODULE}:Exact"
    assert lines["builtin/text"].startswith("parser 1 built-in themis.core.builtins.")


def test_variants_of_benchmarks_are_not_listed_beside_components(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _said(capsys, "list", "--components", "--all")
    assert (code, out) == (2, "")
    assert "--all is about benchmarks" in err
