"""`themis diff`: two config files, or ids of stored runs."""

from typing import Any

from tests.acceptance.conftest import EXPERIMENT, Themis


def other(themis: Themis, **evaluation: Any) -> str:
    themis.write("other.yaml", {**EXPERIMENT, "evaluation": {**EXPERIMENT["evaluation"], **evaluation}})
    return "other.yaml"


def test_two_files_of_one_run_are_the_same_and_end_with_0(themis: Themis) -> None:
    themis.write("same.yaml", {**EXPERIMENT, "runtime": {"max_concurrent_tasks": 1}})
    done = themis("diff", "experiment.yaml", "same.yaml")
    assert (done.code, done.document["same"], done.document["fields"], done.document["reused"]) == (0, True, [], [])


def test_two_runs_differ_in_what_is_said_and_end_with_3(themis: Themis) -> None:
    done = themis("diff", "experiment.yaml", other(themis, metrics=["builtin/f1"]), "--json")
    assert done.code == 3
    assert [field["key"] for field in done.document["fields"]] == ["evaluation.metrics", "evaluation.metrics"]
    assert done.document["reused"][0] == {"results": "generations", "cases": 2, "total": 2}


def test_runs_are_named_by_the_beginning_of_their_ids(themis: Themis) -> None:
    run_id = themis("run", "--config", "experiment.yaml").document["run_id"]
    file = other(themis, metrics=["builtin/f1"])
    another = themis("run", "--config", file).document["run_id"]
    for words in (
        (run_id[:12], file),
        (run_id[:12], another[:12]),
        (run_id, another, "--store", "runs/themis.sqlite3"),
    ):
        done = themis("diff", *words)
        assert (done.code, done.document["run_ids"]) == (3, [run_id, another])
    assert themis("diff", run_id, "experiment.yaml").code == 0


def test_people_read_lines(themis: Themis, monkeypatch: Any) -> None:
    monkeypatch.setattr("themis.cli.stored.diff.is_for_people", lambda: True)
    lines = themis("diff", "experiment.yaml", other(themis, metrics=["builtin/f1"])).out.splitlines()
    assert lines[0].startswith("A is run ")
    assert lines[1:3] == [
        "  evaluation.metrics: builtin/exact_match is gone",
        "  evaluation.metrics: builtin/f1 is new",
    ]
    assert lines[3:5] == ["If both are in one store, B uses of A, where A has it", "  generations: 2 of 2"]
    assert themis("diff", "experiment.yaml", "experiment.yaml").out.startswith("A and B are one run: ")


def test_what_is_not_there_is_one_line(themis: Themis) -> None:
    for words, text in (
        (("ffff", "experiment.yaml"), "ffff: there is no "),
        (
            ("ffff", "experiment.yaml", "--store", "never.sqlite3"),
            "never.sqlite3; --store, --queue-root or --config name another",
        ),
        (("nowhere.yaml", "experiment.yaml"), "nowhere.yaml"),
    ):
        done = themis("diff", *words)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert text in done.err
    themis("run", "--config", "experiment.yaml")
    done = themis("diff", "ffff", "experiment.yaml")
    assert (done.code, done.err) == (
        2,
        "themis: error: ffff: no name, run or job begins so; themis list shows all runs\n",
    )
