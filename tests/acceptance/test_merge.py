"""`themis store merge`: the results of several folders in one store."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.merged_stores import snapshot, store_of

Themis = Any
"""The fixture's class: see conftest."""

RUN = snapshot(4)


@pytest.fixture
def nodes(themis: Themis) -> list[Path]:
    """Two stores that have one half each of a run."""
    del themis
    made = []
    for number, numbers in enumerate([range(2), range(2, 4)], 1):
        made.append(store_of(Path(f"node{number}.sqlite3"), RUN, numbers))
    return made


def test_halves_of_a_run_are_whole_in_one_store_and_again_nothing_changes(themis: Themis, nodes: list[Path]) -> None:
    done = themis("store", "merge", *nodes, "--into", "all.sqlite3")
    assert done.code == 0
    assert done.err == ""
    found = done.document
    assert (found["into"], found["changed"]) == (str(Path("all.sqlite3").absolute()), True)
    assert [source["added"]["cases"] for source in found["sources"]] == [2, 2]
    assert found["sources"][1]["completed"] == [RUN.run_id]
    assert "4 of 4 ended, 0 failed" in themis("status", RUN.run_id[:8], "--store", "all.sqlite3").out
    again = themis("store", "merge", *nodes, "--into", "all.sqlite3")
    assert (again.code, again.document["changed"]) == (0, False)


def test_people_read_a_line_for_each_store(themis: Themis, nodes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.cli.stored.merge.is_for_people", lambda: True)
    into = Path("all.sqlite3").absolute()
    done = themis("store", "merge", *nodes, "--into", into)
    assert done.out.splitlines() == [
        f"{nodes[0].absolute()}: 1 run, 2 cases, 4 outcomes added",
        f"{nodes[1].absolute()}: 2 cases, 4 outcomes added; 1 run complete now",
        f"{into}: has all of it now",
    ]
    again = themis("store", "merge", *nodes, "--into", into)
    assert again.out.splitlines()[0] == f"{nodes[0].absolute()}: nothing new"
    assert again.out.splitlines()[-1] == f"{into}: nothing changed, as it had everything already"


def test_a_run_with_two_answers_is_refused_with_a_line_and_3(themis: Themis, nodes: list[Path]) -> None:
    other = store_of(Path("other.sqlite3"), RUN, range(1), "other")
    done = themis("store", "merge", *nodes, other, "--into", "all.sqlite3")
    assert done.code == 3
    (line,) = done.err.splitlines()
    assert line.startswith(f"themis: {other.absolute()}: run {RUN.run_id[:12]} has 1 case with another result in")
    assert line.endswith("--prefer first or --prefer last decides")
    assert themis("store", "merge", *nodes, other, "--into", "all.sqlite3", "--prefer", "last").code == 0


def test_the_target_may_be_the_store_of_a_config_file(themis: Themis) -> None:
    assert themis("run", "experiment.yaml", "-q").code == 0
    shutil.copy("runs/themis.sqlite3", "node.sqlite3")
    shutil.rmtree("runs")
    assert themis("store", "merge", "node.sqlite3", "--into", "experiment.yaml").code == 0
    assert "2 of 2 ended, 0 failed" in themis("status", "experiment.yaml").out
    done = themis("run", "experiment.yaml", "-q").document
    assert done["completed_cases"] == 2
    assert not themis("store", "merge", "node.sqlite3", "--into", "experiment.yaml").document["changed"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["node1.sqlite3"], 2, "missing option --into, as in: themis store merge"),
        (["--into", "all.sqlite3"], 2, "missing argument FILE..., as in: themis store merge"),
        (["node1.sqlite3", "--into", "all.sqlite3", "--prefer", "newest"], 2, "is not one of 'first', 'last'"),
        (["node1.sqlite3", "--into", "."], 2, "is a folder; name the file of a store"),
        (["node1.sqlite3", "--into", "node1.sqlite3"], 2, "is the store to merge into"),
        (["gone.sqlite3", "--into", "all.sqlite3"], 4, "gone.sqlite3: is not there"),
        (["experiment.yaml", "--into", "all.sqlite3"], 4, "not a readable Themis database"),
        (["node1.sqlite3", "--into", "postgres:env:NOWHERE_SAID"], 4, "NOWHERE_SAID"),
        (["node1.sqlite3", "--into", "postgres:"], 2, "is the address of a Postgres database"),
    ],
)
@pytest.mark.usefixtures("nodes")
def test_a_mistake_is_one_line_and_nothing_is_made(themis: Themis, words: list[str], code: int, said: str) -> None:
    done = themis("store", "merge", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not Path("all.sqlite3").exists()


@pytest.mark.slow
def test_the_target_may_be_a_database_whose_address_is_in_a_variable(
    themis: Themis, nodes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESULTS_URL", postgres_server.schema_url())
    words = ("store", "merge", *nodes, "--into", "postgres:env:RESULTS_URL")
    assert themis(*words).document["changed"]
    assert not themis(*words).document["changed"]
