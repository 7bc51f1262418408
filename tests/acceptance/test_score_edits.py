"""`themis score`: what people say of single scores, beside what was measured."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Themis
from tests.support import ordinary_user
from tests.support.older_store import put_back
from tests.support.project_copy import PROJECT

LAB = "lab_of_the_score_edits"
SOURCE = """
from pathlib import Path
from themis.core.models import GenerationResult, Score


class Model:
    component_id = "lab/model"
    version = "1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        answer = Path("answer.txt").read_text() + str(ctx.seed % 2 if Path("seeded").exists() else "")
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=answer)


class Metric:
    component_id = "lab/metric"
    version = "1"

    def fingerprint(self):
        return "1"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=float(Path("value.txt").read_text()))
"""
CONFIG = ("--config", "experiment.yaml")
METRIC = "lab/metric"
ONE = (*CONFIG, "--case", "one")


@pytest.fixture
def run(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Themis]:
    """The command, in a folder with a run of two cases that score 0.25 by the only metric."""
    Path(f"{LAB}.py").write_text(SOURCE, encoding="utf-8")
    Path("answer.txt").write_text("so", encoding="utf-8")
    Path("value.txt").write_text("0.25", encoding="utf-8")
    monkeypatch.delitem(sys.modules, LAB, raising=False)
    monkeypatch.setenv("LOGNAME", "zoe")
    document = {
        **themis.experiment,
        "generation": {"generator": f"{LAB}:Model"},
        "evaluation": {"metrics": [f"{LAB}:Metric"]},
    }
    themis.write("experiment.yaml", document)
    themis("run", *CONFIG)
    yield themis
    sys.modules.pop(LAB, None)


def edits(themis: Themis) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = themis("score", "list", *CONFIG, "--json").document["score_edits"]
    return found


def standings(themis: Themis) -> list[str]:
    return [edit["standing"] for edit in edits(themis)]


def edited(themis: Themis) -> dict[str, Any]:
    """The figures of the only metric with edits."""
    (found,) = themis("score", "list", *CONFIG, "--json").document["edited_metrics"].values()
    return dict(found)


def measured(themis: Themis) -> Any:
    report = themis("report", *CONFIG).document
    return report["benchmark_result"], report["execution_state"], report["run_result"]


def test_an_edit_says_who_when_and_why_beside_what_was_measured(run: Themis) -> None:
    before = measured(run)
    done = run("score", "edit", *ONE, "--value", "1", "--why", "right, in other words")
    (made,) = done.document["score_edits"]
    at = made.pop("at")
    assert at.endswith("+00:00")
    assert made == {
        "number": 1,
        "case_id": "one",
        "dataset_id": "sums",
        "metric_id": METRIC,
        "from": 0.25,
        "to": 1.0,
        "measured": 0.25,
        "by": "zoe",
        "why": "right, in other words",
        "standing": "holds",
    }
    assert edits(run) == [{**made, "at": at}]
    assert edited(run)["mean"] == 0.625
    assert measured(run) == before


def test_a_later_edit_takes_the_place_and_a_withdrawal_takes_the_last_back(run: Themis) -> None:
    run("score", "edit", *ONE, "--value", "1", "--why", "right", "--by", "ann")
    run("score", "edit", *ONE, "--unscored", "--why", "nobody can say", "--by", "bob")
    assert standings(run) == ["replaced", "holds"]
    assert (edited(run)["scored"], edited(run)["unscored"], edited(run)["mean"]) == (1, 1, 0.25)
    withdrawn = run("score", "withdraw", *ONE, "--why", "ann is right", "--by", "cy").document["score_edits"]
    assert [(one["from"], one["to"], one["withdraws"]) for one in withdrawn] == [(None, 1.0, 2)]
    assert standings(run) == ["holds", "withdrawn", "withdrawal"]
    run("score", "withdraw", *ONE, "--why", "no")
    assert standings(run) == ["withdrawn", "withdrawn", "withdrawal", "withdrawal"]
    assert [edit["by"] for edit in edits(run)] == ["ann", "bob", "cy", "zoe"]
    assert run("score", "list", *CONFIG, "--json").document["edited_metrics"] == {}
    none = run("score", "withdraw", *ONE, "--why", "no")
    assert (none.code, none.err) == (2, "themis: error: score: that score has no edit that could be taken back\n")


def test_a_resumed_and_a_replayed_run_do_not_see_edits(run: Themis) -> None:
    run("score", "edit", *ONE, "--value", "1", "--why", "right")
    assert run("resume", *CONFIG).document["metric_means"] == {METRIC: 0.25}
    assert run("run", *CONFIG).document["metric_means"] == {METRIC: 0.25}
    replayed = run("replay", *CONFIG, "--stage", "score").document
    assert replayed["metric_means"] == {METRIC: 0.25}
    assert standings(run) == ["holds"]


def test_an_edit_holds_for_the_same_answer_and_says_that_the_score_is_another(run: Themis) -> None:
    run("score", "edit", *ONE, "--value", "1", "--why", "right")
    Path("value.txt").write_text("0.5", encoding="utf-8")
    assert run("replay", *CONFIG, "--stage", "score").document["metric_means"] == {METRIC: 0.5}
    assert standings(run) == ["earlier_score"]
    assert [(edit["measured"], edit["to"]) for edit in edits(run)] == [(0.25, 1.0)]
    assert edited(run)["mean"] == 0.75


def test_an_edit_of_another_answer_stays_with_the_run_and_counts_no_more(run: Themis) -> None:
    run("score", "edit", *ONE, "--value", "1", "--why", "right")
    Path("answer.txt").write_text("otherwise", encoding="utf-8")
    run("run", *CONFIG, "--set", "runtime.existing_run_policy=rerun")
    assert standings(run) == ["earlier_answer"]
    assert run("score", "list", *CONFIG, "--json").document["edited_metrics"] == {}
    (made,) = run("score", "edit", *ONE, "--value", "0.75", "--why", "better").document["score_edits"]
    assert (made["number"], made["from"], made["to"]) == (2, 0.25, 0.75)
    assert standings(run) == ["replaced", "holds"]


def test_the_score_of_a_single_candidate_is_edited_apart_from_that_of_its_case(run: Themis) -> None:
    samples = ("--set", "generation.candidate_policy={num_samples: 2}")
    each = (*CONFIG, *samples, "--set", "evaluation.score_candidates=each")
    refused = run("score", "edit", *ONE, "--candidate", "1", "--value", "1", "--why", "x")
    assert (refused.code, refused.out) == (2, "")
    assert "no scores of single candidates by 'lab/metric'" in refused.err
    Path("seeded").touch()
    run("run", *each)
    run("score", "edit", *each, "--case", "one", "--candidate", "1", "--value", "1", "--why", "right")
    listed = run("score", "list", *each, "--json").document
    assert [edit["candidate_index"] for edit in listed["score_edits"]] == [1]
    assert listed["edited_metrics"] == {}
    rows = [json.loads(line) for line in run("report", *each, "--format", "jsonl").out.splitlines()]
    marked = [(row["case_id"], row.get("candidate_index"), row["edited_value"]) for row in rows if "edited_by" in row]
    assert marked == [("one", 1, 1.0)]
    beyond = run("score", "edit", *each, "--case", "one", "--candidate", "2", "--value", "1", "--why", "x")
    assert "there is no candidate 2; they are numbered from 0 to 1" in beyond.err


def test_a_run_is_named_by_the_beginning_of_its_id_too(run: Themis) -> None:
    run_id = run("score", "edit", *ONE, "--value", "1", "--why", "right").document["run_id"]
    assert run("score", "list", run_id[:8], "--json").document["run_id"] == run_id
    elsewhere = (run_id[:8], "--store", "runs/themis.sqlite3")
    run("score", "withdraw", *elsewhere, "--case", "one", "--why", "no")
    assert standings(run) == ["withdrawn", "withdrawal"]


@pytest.mark.few(5)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--case", "on", "--value", "1", "--why", "x"), "no case 'on' of the run has ended; did you mean \"one\"?"),
        (("--case", "one", "--metric", "lab/metri", "--value", "1", "--why", "x"), 'did you mean "lab/metric"?'),
        (("--case", "one", "--dataset", "d", "--value", "1", "--why", "x"), "no case 'one' of dataset 'd'"),
        (("--case", "one", "--value", "nan", "--why", "x"), "--value: must be a finite number, not 'nan'"),
        (("--case", "one", "--value", "-inf", "--why", "x"), "--value: must be a finite number, not '-inf'"),
        (("--case", "one", "--value", "1e999", "--why", "x"), "--value: must be a finite number, not '1e999'"),
        (("--case", "one", "--value", "1", "--why", " "), "say why the score is edited"),
        (("--case", "one", "--value", "1", "--why", "x" * 10_001), "'why' has 10,001 characters"),
        (("--case", "one", "--value", "1", "--why", "x", "--by", "y" * 201), "'by' has 201 characters"),
        (("--case", "one", "--value", "1"), "missing option --why"),
        (("--case", "one", "--why", "x"), "give --value, or --unscored"),
        (("--case", "one", "--value", "1", "--unscored", "--why", "x"), "give --value or --unscored, not both"),
        (("--case", "one", "--value", "1", "--why", "x", "abcd"), "abcd: no name, run or job begins so"),
    ],
)
def test_what_is_no_edit_is_refused_in_one_line_and_nothing_is_kept(
    run: Themis, words: tuple[str, ...], said: str
) -> None:
    done = run("score", "edit", *CONFIG, *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert edits(run) == []


def test_several_metrics_are_to_be_told_apart(run: Themis) -> None:
    two = (*CONFIG, "--set", f"evaluation.metrics=['{LAB}:Metric', builtin/exact_match]")
    run("run", *two)
    done = run("score", "edit", *two, "--case", "one", "--value", "1", "--why", "x")
    assert "name one of the metrics: lab/metric, builtin/exact_match" in done.err


HOSTILE = "\u202eevil\u2066 \x1b[2J\r\x07`x` | <b>&"
SHOWN = "\\u202eevil\\u2066 \\x1b[2J"


def test_marks_and_control_characters_are_shown_to_people_and_run_by_nothing(run: Themis) -> None:
    run("score", "edit", *ONE, "--value", "1", "--why", HOSTILE, "--by", "\u202ezoe\x1b[0m")
    (kept,) = edits(run)
    assert (kept["why"], kept["by"]) == (HOSTILE, "\u202ezoe\x1b[0m")
    for form in ("markdown", "markdown-summary", "csv", "latex", "html", "junit"):
        text = run("report", *CONFIG, "--format", form).out
        plain = text.replace("\\textbackslash{}", "\\")
        assert SHOWN in plain, form
        assert "\\u202ezoe" in plain, form
        assert not {"\u202e", "\u2066", "\x1b", "\x07"} & set(text), form
        assert "<b>" not in text or form in {"markdown", "markdown-summary", "csv", "latex"}, form
    shown = on_a_terminal("score", "list", *CONFIG)
    assert SHOWN in shown
    assert "\\u202ezoe\\x1b[0m" in shown
    assert not {"\u202e", "\u2066", "\x1b", "\x07"} & set(shown)
    assert "lab/metric" in shown


def on_a_terminal(*words: str) -> str:
    """What a command prints on a terminal."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "wb") as terminal:
        subprocess.run([sys.executable, "-m", "themis", *words], stdout=terminal, check=True, env=environment())
    chunks = []
    while chunk := _read(leader):
        chunks.append(chunk)
    os.close(leader)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65_536)
    except OSError:  # the other end is closed, and all was read
        return b""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "THEMIS_OUTPUT"}
    return {**kept, "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'workers'}"}


def test_a_secret_that_the_experiment_uses_is_masked_before_it_is_kept(
    run: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-not-to-be-kept-0123456789"  # noqa: S105  # made up here
    monkeypatch.setenv("LAB_KEY", secret)
    source = Path(f"{LAB}.py").read_text(encoding="utf-8")
    Path("keyed_lab.py").write_text(source + "\n\nclass Keyed(Model):\n    def __init__(self, key):\n        pass\n")
    keyed = {"use": "keyed_lab:Keyed", "with": {"key": "env:LAB_KEY"}}
    run.write("keyed.yaml", {**run.experiment, "generation": {"generator": keyed}})
    run("run", "--config", "keyed.yaml")
    done = run("score", "edit", "--config", "keyed.yaml", "--case", "one", "--value", "1", "--why", f"it said {secret}")
    (made,) = done.document["score_edits"]
    assert made["why"] == "it said [secret LAB_KEY]"
    kept = b"".join(file.read_bytes() for file in Path("runs").glob("themis.sqlite3*") if file.is_file())
    assert secret.encode() not in kept


@pytest.mark.slow
def test_a_store_that_may_only_be_read_is_one_clear_line(run: Themis, tmp_path: Path) -> None:
    if not ordinary_user.is_possible():
        pytest.skip("no command may be run as another user here")
    assert edits(run) == []
    for file in Path("runs").glob("themis.sqlite3*"):
        file.chmod(0o444 if file.is_file() else 0o555)
    Path("runs").chmod(0o555)
    tmp_path.chmod(0o755)
    command = [*ordinary_user.command_prefix(tmp_path, PROJECT), "env", "-C", str(tmp_path), sys.executable]
    words = ["-m", "themis", "score", "edit", *ONE, "--value", "1", "--why", "x", "--by", "y"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=environment())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done.stderr
    assert "themis.sqlite3: cannot be opened for writing" in done.stderr
    assert edits(run) == []


def test_a_store_of_an_earlier_version_is_upgraded_by_the_first_edit(run: Themis) -> None:
    with closing(sqlite3.connect("runs/themis.sqlite3")) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    put_back(Path("runs/themis.sqlite3"), 11)
    run("score", "edit", *ONE, "--value", "1", "--why", "right")
    assert standings(run) == ["holds"]
    with closing(sqlite3.connect("runs/themis.sqlite3")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (version,)
        assert database.execute("SELECT case_id, value, measured FROM score_edits").fetchall() == [("one", 1.0, 0.25)]
