"""`themis score import`: labels that people gave, as edits of scores, all of a file or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Themis

CONFIG = ("--config", "experiment.yaml")


@pytest.fixture
def run(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Themis:
    """The command, in a folder with a run of two cases."""
    monkeypatch.setenv("LOGNAME", "zoe")
    themis("run", *CONFIG)
    return themis


def labels(text: str, name: str = "labels.csv") -> tuple[str, str]:
    Path(name).write_text(text, encoding="utf-8")
    return "--labels", name


def edits(themis: Themis) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = themis("score", "list", *CONFIG, "--json").document["score_edits"]
    return found


def test_labels_of_a_table_are_edits_of_those_who_gave_them(run: Themis) -> None:
    file = labels('case_id,label,by,why\none,false,ann,"no, not so"\ntwo,0.5,bob,half\n')
    made = run("score", "import", *CONFIG, *file).document["score_edits"]
    assert [(one["case_id"], one["from"], one["to"], one["by"], one["why"]) for one in made] == [
        ("one", 1.0, 0.0, "ann", "no, not so"),
        ("two", 1.0, 0.5, "bob", "half"),
    ]
    assert edits(run) == made


def test_lines_of_json_may_leave_to_the_command_what_is_the_same_for_all(run: Themis) -> None:
    rows = [
        {"case_id": "one", "value": 0.25, "dataset_id": "sums", "metric": "builtin/exact_match"},
        {"case_id": "two", "value": "unscored", "by": "ann"},
    ]
    file = labels("".join(json.dumps(row) + "\n" for row in rows), "labels.jsonl")
    made = run("score", "import", *CONFIG, *file, "--why", "read by hand").document["score_edits"]
    assert [(one["to"], one["by"], one["why"]) for one in made] == [
        (0.25, "zoe", "read by hand"),
        (None, "ann", "read by hand"),
    ]


def test_words_are_worth_what_is_said(run: Themis) -> None:
    file = labels("case_id,label,by,why\none, Right,a,x\ntwo,half  right,a,x\n")
    worth = ("--worth", "right=1", "--worth", "half right=0.5")
    made = run("score", "import", *CONFIG, *file, *worth).document["score_edits"]
    assert [one["to"] for one in made] == [1.0, 0.5]
    bad = run("score", "import", *CONFIG, *file, "--worth", "right")
    assert (bad.code, bad.err) == (2, "themis: error: --worth: must be LABEL=NUMBER, not 'right'\n")


def test_verdicts_of_a_judge_are_worth_what_they_are_on_its_scale(themis: Themis) -> None:
    rubric = {"rubric": "It is kind.", "scale": {"KIND": 1, "COOL": 0.25, "RUDE": 0}}
    evaluation = {"judge_models": ["builtin/demo_judge"], "metrics": [{"use": "builtin/llm_rubric", "with": rubric}]}
    themis.write("experiment.yaml", {**themis.experiment, "evaluation": evaluation})
    themis("run", *CONFIG)
    file = labels("case_id,label,by,why\none,cool,a,x\ntwo,RUDE,a,x\n")
    made = themis("score", "import", *CONFIG, *file).document["score_edits"]
    assert [one["to"] for one in made] == [0.25, 0.0]
    unknown = themis("score", "import", *CONFIG, *labels("case_id,label,by,why\none,warm,a,x\n"))
    assert (
        "labels.csv:2: nobody has said what the label 'warm' is worth: a label is a number, or is one of" in unknown.err
    )


HEAD = "case_id,value,by,why\none,1,ann,right\n"


@pytest.mark.few(5)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEAD}four,1,ann,x\n", "labels.csv:3: no case 'four' of the run has ended"),
        (f"{HEAD}two,nan,ann,x\n", "labels.csv:3: 'value' must be a finite number, true, false or unscored, not 'nan'"),
        (f"{HEAD}two,1e999,ann,x\n", "labels.csv:3: 'value' must be a finite number"),
        (f"{HEAD}two,,ann,x\n", "labels.csv:3: has neither a 'value' nor a 'label'"),
        (f"{HEAD}two,1,ann,\n", "labels.csv:3: say why the score is edited, with 'why'"),
        (f"{HEAD},1,ann,x\n", "labels.csv:3: has no 'case_id'"),
        (f"{HEAD}one,0,bob,x\n", "labels.csv:3: the score was edited already, at labels.csv:2"),
        ("id,value,by,why\none,1,a,x\n", "labels.csv:2: has no 'case_id'; it has 'id', 'value', 'by', 'why'"),
        ("case_id,value,label,by,why\none,1,1,a,x\n", "labels.csv:2: has both 'value' and 'label'; give one"),
        ("case_id,value,by,why,metric\none,1,a,x,f1\n", "labels.csv:2: the run has no metric 'f1'"),
        (
            "case_id,value,by,why,candidate_index\none,1,a,x,0\n",
            "labels.csv:2: the run has no scores of single candidates",
        ),
        (
            "case_id,value,by,why,candidate_index\none,1,a,x,-1\n",
            "labels.csv:2: 'candidate_index' must be a candidate's",
        ),
        ("case_id,label,by,why\none,right,a,x\n", "labels.csv:2: nobody has said what the label 'right' is worth"),
        ("case_id,value,by,why\n", "labels.csv: holds no labels"),
    ],
)
def test_a_mistake_names_its_line_and_nothing_of_the_file_is_kept(run: Themis, text: str, said: str) -> None:
    done = run("score", "import", *CONFIG, *labels(text))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert edits(run) == []


@pytest.mark.parametrize("row", ['{"case_id": "one", "value": true, "by": 1.5, "why": "x"}', '{"case_id": ["one"]}'])
def test_a_value_of_another_kind_is_refused_with_its_line(run: Themis, row: str) -> None:
    done = run("score", "import", *CONFIG, *labels(row + "\n", "labels.jsonl"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "labels.jsonl:1: " in done.err
    assert edits(run) == []
