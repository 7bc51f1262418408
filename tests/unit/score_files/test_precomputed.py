"""The metric that takes its scores from a file."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import Scripted, ScriptedGenerator, ScriptedParser, dataset, experiment
from themis.core.components.resolution import METRIC, load_component
from themis.core.contexts import ScoreContext
from themis.core.errors import DatasetError, InvalidArgumentError, ScoreFileError
from themis.core.models import Case, ParsedOutput, Score, ScoreError
from themis.core.score_files.precomputed import Precomputed
from themis.core.stores import InMemoryRunStore
from themis.core.stores.projections import benchmark_result


def write(folder: Path, rows: list[dict[str, Any]] | str, name: str = "scores.jsonl") -> str:
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def scored(metric: Precomputed, case_id: str, index: int | None = None, dataset_id: str = "d") -> Score | ScoreError:
    case, parsed = Case(case_id=case_id, input="q"), ParsedOutput(value="a")
    context = ScoreContext(run_id="r", case=case, parsed_output=parsed, dataset_id=dataset_id, candidate_index=index)
    return metric.score(parsed, case, context)


def value(metric: Precomputed, case_id: str, index: int | None = None, dataset_id: str = "d") -> float:
    found = scored(metric, case_id, index, dataset_id)
    assert isinstance(found, Score), found
    return found.value


def reason(metric: Precomputed, case_id: str, index: int | None = None) -> str:
    found = scored(metric, case_id, index)
    assert isinstance(found, ScoreError), found
    return found.reason


def test_a_case_has_the_score_of_its_row_and_without_one_it_has_none(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"case_id": "a", "score": 0.25},
        {"case_id": 7, "score": True},
        {"case_id": "c", "score": None},
    ]
    metric = Precomputed(write(tmp_path, rows))
    assert (value(metric, "a"), value(metric, "7")) == (0.25, 1.0)
    assert reason(metric, "b") == "scores.jsonl has no score of case 'b'"
    assert reason(metric, "c") == "the row of case 'c' in scores.jsonl has no value at 'score'"


def test_a_table_has_its_numbers_as_texts_and_labels_are_worth_what_is_said(tmp_path: Path) -> None:
    table = write(tmp_path, "id,score\na,0.5\nb,true\nc,-2e1\nd,\n", "scores.csv")
    metric = Precomputed(table, case_id="id")
    assert [value(metric, case_id) for case_id in "abc"] == [0.5, 1.0, -20.0]
    assert reason(metric, "d").endswith("has no value at 'score'")
    words = write(tmp_path, "case_id\tlabel\na\tPASS\nb\t fail \n", "labels.tsv")
    labelled = Precomputed(words, "label", labels={"Pass": 1, "FAIL": 0})
    assert [value(labelled, case_id) for case_id in "ab"] == [1.0, 0.0]


def test_several_fields_come_to_the_mean_of_those_that_are_there(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"case_id": "a", "by": {"ann": 1, "bob": 0}},
        {"case_id": "b", "by": {"bob": 1}},
        {"case_id": "c"},
    ]
    metric = Precomputed(write(tmp_path, rows), ["by.ann", "by.bob"])
    found = scored(metric, "a")
    assert isinstance(found, Score)
    assert (found.value, found.details) == (0.5, {"values": {"by.ann": 1.0, "by.bob": 0.0}})
    assert value(metric, "b") == 1.0
    assert reason(metric, "c").endswith("has no value at 'by.ann' or 'by.bob'")


def test_a_candidate_has_its_own_row_and_the_reduced_answer_the_one_without_an_index_or_the_only_one(
    tmp_path: Path,
) -> None:
    rows = [
        {"case_id": "a", "n": 0, "score": 0.1},
        {"case_id": "a", "n": "1", "score": 0.2},
        {"case_id": "a", "score": 0.3},
        {"case_id": "b", "n": 0, "score": 0.4},
        {"case_id": "c", "n": 0, "score": 0.5},
        {"case_id": "c", "n": 1, "score": 0.6},
    ]
    metric = Precomputed(write(tmp_path, rows), candidate_index="n")
    assert [value(metric, "a", index) for index in (0, 1, None)] == [0.1, 0.2, 0.3]
    assert value(metric, "b") == 0.4
    assert reason(metric, "c") == "scores.jsonl has no score of case 'c'"
    assert reason(metric, "a", 2) == "scores.jsonl has no score of case 'a' for candidate 2"
    assert reason(Precomputed(write(tmp_path, rows[:1])), "a", 0).endswith("for candidate 0")


def test_rows_that_name_a_dataset_are_of_its_cases_alone(tmp_path: Path) -> None:
    rows = [{"case_id": "a", "of": "d", "score": 1}, {"case_id": "a", "of": "e", "score": 0}]
    metric = Precomputed(write(tmp_path, rows), dataset_id="of")
    assert (value(metric, "a", None, "d"), value(metric, "a", None, "e")) == (1.0, 0.0)
    assert isinstance(scored(metric, "a", None, "f"), ScoreError)


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ('{"case_id": "a", "score": 1}\n{"case_id": "a", "score": 1}\n', {}, ":2: case 'a' has a score already, at "),
        ('{"case_id": "a", "score": "good"}\n', {}, ":1: 'score' must be a number, or true or false, not 'good'"),
        ('{"case_id": "a", "score": [1]}\n', {}, ":1: 'score' must be a number"),
        ('{"case_id": "a", "score": "nan"}\n', {}, ":1: 'score' must be a number"),
        ('{"case_id": "a", "score": "1_0"}\n', {}, ":1: 'score' must be a number"),
        ('{"case_id": "a", "score": 1' + "0" * 400 + "}\n", {}, ":1: 'score' must be a number"),
        ('{"case_id": "a", "score": "ok"}\n', {"labels": {"PASS": 1}}, ":1: 'score' is 'ok', which is not one of the"),
        ('{"score": 1}\n', {}, ":1: has no case's id at 'case_id'"),
        ('{"case_id": [], "score": 1}\n', {}, ":1: 'case_id' must be a text, not '[]'"),
        ('{"case_id": true, "score": 1}\n', {}, ":1: 'case_id' must be a text, not 'True'"),
        ('{"case_id": "a", "score": 1, "n": -1}\n', {"candidate_index": "n"}, ":1: 'n' must be a candidate's index"),
        ('{"case_id": "a", "score": 1, "n": "x"}\n', {"candidate_index": "n"}, ":1: 'n' must be a candidate's index"),
        ('{"case_id": "a", "grade": 1}\n', {}, ": no row has a score at 'score'"),
        ("", {}, ": no row has a score at 'score'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, arguments: dict[str, Any], said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ScoreFileError) as caught:
        Precomputed(path, **arguments)
    assert str(caught.value).startswith(path + said), caught.value
    assert "\n" not in str(caught.value)


def test_what_is_no_file_of_rows_is_refused_like_a_dataset(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "packed.csv").write_bytes(gzip.compress(b"case_id,score\na,1\n"))
    for name, said in (
        ("nowhere.csv", "cannot be read: No such file"),
        ("fifo.csv", "is not a regular file"),
        ("packed.csv", "it is packed with gzip"),
    ):
        with pytest.raises(DatasetError, match=said):
            Precomputed(str(tmp_path / name))
    for text in ('{"case_id": "a"', "[1, 2]", '{"case_id": "a", "case_id": "b", "score": 1}'):
        with pytest.raises(DatasetError, match=r"scores.jsonl:1: "):
            Precomputed(write(tmp_path, text + "\n"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"field": ""}, "field: must be a text such as human.score"),
        ({"field": []}, "field: must be a text"),
        ({"field": ["score", 3]}, "field: must be a text"),
        ({"case_id": 3}, "case_id: must be a text"),
        ({"labels": {}}, "labels: must be a mapping from labels to numbers"),
        ({"labels": {"PASS": "1"}}, "labels: must be a mapping from labels to numbers"),
        ({"labels": {"PASS": float("inf")}}, "labels: must be a mapping"),
        ({"labels": {"PASS": 1, "pass": 0}}, "labels: has a label twice"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    path = write(tmp_path, [{"case_id": "a", "score": 1}])
    with pytest.raises(InvalidArgumentError) as caught:
        Precomputed(path, **arguments)
    assert str(caught.value).startswith(said)


def test_the_content_of_the_file_decides_what_the_metric_is_and_its_place_does_not(tmp_path: Path) -> None:
    first = write(tmp_path, [{"case_id": "a", "score": 1}])
    same = write(tmp_path, [{"case_id": "a", "score": 1}], "same.jsonl")
    other = write(tmp_path, [{"case_id": "a", "score": 0}], "other.jsonl")
    prints = [
        load_component({"use": "builtin/precomputed", "with": {"path": path}}, METRIC, where="test").ref.fingerprint
        for path in (first, same, other)
    ]
    assert prints[0] == prints[1] != prints[2]
    assert Precomputed(first, labels={"1": 2}).fingerprint() != Precomputed(first).fingerprint() == prints[0]


def test_a_case_of_a_run_without_a_row_is_unscored_with_a_category(tmp_path: Path) -> None:
    path = write(tmp_path, [{"case_id": "q0", "score": 0.5}, {"case_id": "q1", "score": 1}])
    store = InMemoryRunStore()
    result = experiment(ScriptedGenerator(), metrics=[Precomputed(path)], datasets=[dataset(3)]).run(store=store)
    summary = result.metrics["builtin/precomputed"]
    assert (summary.mean, summary.scored, summary.unscored, summary.no_answer) == (0.75, 2, 1, 0)
    (error,) = [row for row in benchmark_result(store, result.run_id).score_rows if row.outcome == "error"]
    assert (error.case_id, error.value, error.error_category) == ("q2", None, "score_failure")
    assert error.error_message == "scores.jsonl has no score of case 'q2'"


def test_a_case_whose_answer_was_not_found_has_the_score_of_its_row(tmp_path: Path) -> None:
    """What people said of an answer does not depend on a parser that finds nothing in it."""
    path = write(tmp_path, [{"case_id": f"q{number}", "score": 1} for number in range(3)])
    parser = ScriptedParser(lambda _: None, component_id="lab/parser")
    run = experiment(ScriptedGenerator(), parser=parser, metrics=[Precomputed(path)], datasets=[dataset(3)])
    summary = run.run(store=InMemoryRunStore()).metrics["builtin/precomputed"]
    assert (summary.mean, summary.scored, summary.no_answer) == (1, 3, 0)


def test_each_candidate_of_a_run_is_scored_by_its_row(tmp_path: Path) -> None:
    rows = [{"case_id": "q0", "n": index, "score": score} for index, score in enumerate([1, 0, 1, 1])]
    store = InMemoryRunStore()
    run = experiment(
        ScriptedGenerator(),
        samples=4,
        score_candidates="each",
        metrics=[Precomputed(write(tmp_path, rows), candidate_index="n")],
        datasets=[dataset(1)],
    )
    result = run.run(store=store)
    rows_of_candidates = [
        (row.candidate_index, row.value)
        for row in benchmark_result(store, result.run_id).score_rows
        if row.candidate_index is not None
    ]
    assert rows_of_candidates == [(0, 1.0), (1, 0.0), (2, 1.0), (3, 1.0)]


def test_a_metric_is_told_which_candidate_it_scores(tmp_path: Path) -> None:
    del tmp_path
    seen: list[int | None] = []

    class Noting(Scripted):
        def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
            seen.append(ctx.candidate_index)
            return Score(metric_id=self.component_id, value=1.0)

    metric = Noting(lambda: None, component_id="lab/noting")
    run = experiment(ScriptedGenerator(), samples=2, score_candidates="each", metrics=[metric], datasets=[dataset(1)])
    run.run(store=InMemoryRunStore())
    assert seen == [None, 0, 1]
