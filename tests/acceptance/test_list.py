"""`themis list`, and the label of runs that lists are filtered by."""

from pathlib import Path
from typing import Any

import pytest

from themis.cli.stored import list as list_command

Themis = Any
"""The fixture's class: see conftest."""


@pytest.fixture
def ids(themis: Themis) -> dict[str, str]:
    """Three runs by their names: two done, of which one has labels, and one with a label whose job waits."""
    found = {
        "plain": themis("run", "--config", "experiment.yaml", "--name", "plain"),
        "both": themis(
            *("run", "--config", "experiment.yaml", "--name", "both", "--set", "seeds=[1]"),
            *("--label", "team=x", "--label", "purpose=a=b"),
        ),
        "waiting": themis(
            *("submit", "--config", "experiment.yaml", "--name", "waiting", "--set", "seeds=[2]", "--label", "team=x")
        ),
    }
    return {name: done.document["run_id"] for name, done in found.items()}


def names(themis: Themis, *words: str) -> list[str]:
    return [run["name"] for run in themis("list", "--json", *words).document]


def test_all_stored_runs_are_listed_the_newest_first(themis: Themis, ids: dict[str, str]) -> None:
    runs = themis("list", "--json").document
    assert [(run["name"], run["run_id"]) for run in runs] == [*reversed(ids.items())]
    assert [run["state"] for run in runs] == ["queued", "completed", "completed"]
    assert [run["labels"] for run in runs] == [{"team": "x"}, {"team": "x", "purpose": "a=b"}, {}]
    assert runs[1]["metric_means"] == {"builtin/exact_match": 1.0}
    table = themis("list").out.splitlines()
    assert table[0].split() == [
        *("run", "name", "state", "cases", "exact_match", "failed", "remarks", "took", "why", "added", "labels"),
    ]
    assert [line.split()[1] for line in table[1:]] == ["waiting", "both", "plain"]


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--label", "team=x"), ["waiting", "both"]),
        (("--label", "team=x", "--label", "purpose=a=b"), ["both"]),
        (("--label", "team=y"), []),
        (("--name", "*a*i*"), ["waiting", "plain"]),
        (("--name", "Plain"), []),
        (("--state", "queued"), ["waiting"]),
        (("--state", "completed", "--label", "team=x"), ["both"]),
        (("--dataset", "sums"), ["waiting", "both", "plain"]),
        (("--dataset", "sum"), []),
        (("--newer-than", "1h"), ["waiting", "both", "plain"]),
        (("--newer-than", "0s"), []),
    ],
)
def test_a_list_is_filtered(themis: Themis, ids: dict[str, str], words: tuple[str, ...], found: list[str]) -> None:
    del ids
    assert names(themis, *words) == found
    done = themis("list", *words)
    assert done.code == 0
    assert ("no such runs" in done.err) == (not found)


def test_the_list_says_when_there_is_more(themis: Themis, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    del ids
    monkeypatch.setattr(list_command, "SHOWN_RUNS", 2)
    monkeypatch.setattr("themis.core.monitor.runs.PAGE_RUNS", 1)
    assert names(themis) == ["waiting", "both"]
    assert names(themis, "--all") == ["waiting", "both", "plain"]
    assert "plain" not in themis("list").out
    assert themis("list").out.endswith("The newest 2; --all lists them all.\n")
    assert [line.split()[1] for line in themis("list", "--all").out.splitlines() if "/2" in line] == [
        *("waiting", "both", "plain")
    ]


def test_the_stores_of_a_queue_are_listed_as_one(themis: Themis, ids: dict[str, str]) -> None:
    del ids
    words = ("--set", "storage.parameters.path=runs/other.sqlite3", "--set", "seeds=[4]", "--name", "elsewhere")
    themis.submit(*words)
    assert names(themis) == ["elsewhere", "waiting", "both", "plain"]
    assert names(themis, "--store", "runs/other.sqlite3") == ["elsewhere"]
    Path("runs/other.sqlite3").write_bytes(b"no database, whatever its name says" * 50)
    done = themis("list")
    assert (done.code, "left out: " in done.err) == (4, True)
    assert "waiting" in done.out


def test_a_place_without_a_store_has_no_runs(themis: Themis) -> None:
    done = themis("list")
    assert (done.code, done.out) == (0, "")
    assert "there is no store here" in done.err
    assert themis("list", "--json").document == []


def test_jobs_and_states_are_filtered_by_the_labels_of_their_runs(themis: Themis, ids: dict[str, str]) -> None:
    themis.submit("--set", "seeds=[3]", "--name", "unlabelled")
    jobs = themis("queue", "list", "--json", "--label", "team=x").document["jobs"]
    assert [(job["name"], job["run_id"], job["labels"]) for job in jobs] == [("waiting", ids["waiting"], {"team": "x"})]
    assert "unlabelled" not in themis("queue", "list", "--label", "team=x").out
    assert "unlabelled" in themis("queue", "list").out
    rows = themis("status", "--json", "--label", "team=x").document
    assert {row["name"] for row in rows} == {"waiting", "both"}
    done = themis("status", "waiting", "--label", "team=x")
    assert (done.code, "--label filters the list" in done.err) == (2, True)


def test_what_is_no_label_is_refused(themis: Themis) -> None:
    for word, why in (
        ("team", "'team' is not KEY=VALUE"),
        ("a.b=c", "'a.b' cannot be a label"),
        ("team=", "its value"),
    ):
        done = themis("run", "--config", "experiment.yaml", "--label", word)
        assert (done.code, why in done.err) == (2, True)
    assert not Path("runs").exists()


def test_a_name_stays_what_it_was_and_a_command_that_asked_for_another_says_so(
    themis: Themis, ids: dict[str, str]
) -> None:
    done = themis("run", "--config", "experiment.yaml", "--name", "other")
    assert (done.document["name"], done.document["run_id"]) == ("plain", ids["plain"])
    assert "the run keeps its name, plain" in done.err
    done = themis("submit", "--config", "experiment.yaml", "--set", "seeds=[2]", "--name", "other")
    assert done.document["name"] == "waiting"
    assert "the run keeps its name, waiting" in done.err
