"""On real answers of a model that often gives none, the mean is the publisher's, and those without one are counted."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "mmlu_pro_gemma7b.jsonl"
QUESTIONS = 1_500
CORRECT = 481
NO_ANSWER = 199
METRIC = "builtin/choice_accuracy"

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"the real answers are not here: {DATA}")


@pytest.fixture
def config(themis: Any) -> Path:
    """The answers as an experiment; the options of a question are in its metadata."""
    with DATA.open(encoding="utf-8") as lines, Path("answers.jsonl").open("w", encoding="utf-8") as out:
        for line in lines:
            row = json.loads(line)
            about = {"options": json.dumps(row["options"])}
            out.write(json.dumps({**row, "case_id": str(row["question_id"]), "about": about}) + "\n")
    fields = {"case_id": "case_id", "input": "question", "expected_output": "answer", "metadata": "about"}
    generator = {"use": "builtin/replay_generator", "with": {"path": "answers.jsonl", "output": "generated_text"}}
    written: Path = themis.write(
        "mmlu.yaml",
        {
            "generation": {"generator": generator},
            "evaluation": {"parsers": ["builtin/choice_letter"], "metrics": [METRIC]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": "mmlu-pro", "path": "answers.jsonl", "fields": fields}],
        },
    )
    return written


@pytest.mark.slow
def test_an_answer_that_names_no_letter_is_wrong_and_counted(themis: Any, config: Path) -> None:
    ran = themis("run", "--config", config)
    done = ran.document
    found = done["metrics"][METRIC]
    assert (done["status"], done["total_cases"], done["failed_cases"]) == ("completed", QUESTIONS, 0)
    assert (found["scored"], found["unscored"]) == (QUESTIONS, 0)
    assert found["mean"] == pytest.approx(CORRECT / QUESTIONS, abs=0.01)
    assert found["ci_lower"] < CORRECT / QUESTIONS < found["ci_upper"]
    with closing(sqlite3.connect("runs/themis.sqlite3")) as database:
        counted = database.execute("SELECT count(*) FROM outcomes WHERE category = 'no_answer'").fetchone()[0]
    assert found["no_answer"] == counted == pytest.approx(NO_ANSWER, abs=15)
    assert ran.err.startswith(f"themis: {counted} of 1,500 answers contain nothing that can be scored; ")
    assert themis("quickcheck", "--config", config).document["metrics"][METRIC] == found
    (row,) = themis("status", "--json").document
    assert row["metrics"][METRIC] == found


@pytest.mark.slow
def test_counted_as_guesses_the_mean_is_higher_by_what_they_are_worth(themis: Any, config: Path) -> None:
    words = ("run", "--config", config, "--set")
    plain = themis(*words, "evaluation.on_no_answer=incorrect").document["metrics"][METRIC]
    guessed = themis(*words, "evaluation.on_no_answer=random_choice").document["metrics"][METRIC]
    left_out = themis(*words, "evaluation.on_no_answer=unscored").document["metrics"][METRIC]
    assert plain["no_answer"] == guessed["no_answer"] == left_out["no_answer"] == left_out["unscored"]
    worth = (guessed["mean"] - plain["mean"]) * QUESTIONS / plain["no_answer"]
    assert 0.1 <= worth < 0.2, "a question has up to ten options"
    assert left_out["mean"] > guessed["mean"] > plain["mean"] == left_out["low"]
