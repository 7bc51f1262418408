"""`themis cases`, and what may be done again with a run that is named by its name."""

import re
from pathlib import Path
from typing import Any

import pytest

from themis.cli.stored.cases import STATES
from themis.core.reporting.case_list import CASE_STATES

Themis = Any
"""The fixture's class: see conftest."""


@pytest.fixture
def mixed(themis: Themis) -> str:
    """A stored run with a right, a wrong, an unreadable and a failed case; returns its name."""
    Path(f"{themis.model_module}.py").write_text(
        """
from themis.core.models import GenerationResult

class Model:
    component_id, version = "mixed/model", "1"
    def fingerprint(self):
        return "mixed"
    async def generate(self, case, ctx):
        if case.case_id == "failed":
            raise LookupError("no answer")
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)
""",
        encoding="utf-8",
    )
    said = {"right": "Answer: 4", "wrong": "Answer: 5", "silent": "I cannot say", "failed": "x"}
    cases = [{"case_id": name, "input": text, "expected_output": 4} for name, text in said.items()]
    config = {
        **themis.experiment,
        "name": "mixed",
        "generation": {"generator": f"{themis.model_module}:Model"},
        "evaluation": {"parsers": ["builtin/last_number"], "metrics": ["builtin/math_equivalence"]},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    assert themis("run", themis.write("mixed.yaml", config), "-q").code == 0
    return "mixed"


def ids(done: Any) -> list[str]:
    return [case["case_id"] for case in done.document["cases"]]


def test_the_states_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert set(STATES) == set(CASE_STATES)


def test_all_cases_are_listed_with_scores_state_and_reason(mixed: str, themis: Themis) -> None:
    found = themis("cases", mixed).document
    assert found["name"] == "mixed"
    assert [(case["case_id"], case["state"]) for case in found["cases"]] == [
        ("right", "ok"),
        ("wrong", "ok"),
        ("silent", "no_answer"),
        ("failed", "failed"),
    ]
    assert [case["scores"]["builtin/math_equivalence"] for case in found["cases"]] == [1.0, 0.0, 0.0, None]
    right, *_, failed = found["cases"]
    assert (right["answer"], right["failures"], right["case_key"]) == ("Answer: 4", [], "1:d:right")
    (failure,) = failed["failures"]
    assert (failure["category"], failure["error_type"]) == ("generation_failure", "LookupError")
    assert "no answer" in failure["message"]


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--failed"], ["failed"]),
        (["--state", "no_answer"], ["silent"]),
        (["--where", "math_equivalence<1"], ["wrong", "silent"]),
        (["--where", "builtin/math_equivalence >= 1"], ["right"]),
        (["--where", "math_equivalence<1", "--state", "ok"], ["wrong"]),
        (["--where", "math_equivalence!=1", "--where", "math_equivalence=1"], []),
        (["--case", "wrong"], ["wrong"]),
        (["--case", "1:d:right"], ["right"]),
        (["--dataset", "d"], ["right", "wrong", "silent", "failed"]),
        (["--dataset", "other"], []),
    ],
)
def test_only_the_cases_that_are_wanted(options: list[str], expected: list[str], mixed: str, themis: Themis) -> None:
    assert ids(themis("cases", mixed, *options)) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--where", "f1<1"], "--where: the run has no metric 'f1'"),
        (["--where", "math_equivalence"], "--where: 'math_equivalence' is not METRIC, a sign and a number"),
        (["--where", "math_equivalence<low"], "'low' in 'math_equivalence<low' is not a number"),
        (["--failed", "--state", "ok"], "--failed says another state"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], said: str, mixed: str, themis: Themis) -> None:
    done = themis("cases", mixed, *options)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.cli.stored.cases.is_for_people", lambda **_: True)


@pytest.mark.usefixtures("at_terminal")
def test_people_get_a_table_with_whole_scores(mixed: str, themis: Themis) -> None:
    lines = themis("cases", mixed).out.splitlines()
    assert lines[0].split() == ["case", "dataset", "state", "math_equivalence", "answer", "why"]
    assert lines[1].split()[:4] == ["right", "-", "ok", "1.0000"]
    assert lines[3].split()[:2] == ["silent", "-"]
    assert "generation_failure: LookupError: no answer" in lines[4]


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_score_is_cut_at_any_width(width: int, mixed: str, themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.cli.stored.cases.terminal_width", lambda: width)
    lines = themis("cases", mixed).out.splitlines()
    assert sum(line.count("math_equivalence") for line in lines) == (4 if width < 43 else 1), "beside each score"
    assert re.findall(r"\b[01]\.\d{4}\b", " ".join(lines)) == ["1.0000", "0.0000", "0.0000"]
    if width > 43:
        assert max(map(len, lines)) <= width


@pytest.mark.usefixtures("at_terminal")
def test_people_see_all_of_one_case(mixed: str, themis: Themis) -> None:
    said = themis("cases", mixed, "--case", "wrong").out
    assert said == "wrong  ok  (dataset d)\nanswer: Answer: 5\nparsed: 5\nbuiltin/math_equivalence: 0.0000\n"
    assert "LookupError: no answer" in themis("cases", mixed, "--case", "failed").out
    done = themis("cases", mixed, "--case", "wrnog")
    assert (done.code, done.out) == (2, "")
    assert "no case 'wrnog' has ended in this run" in done.err


def test_a_run_is_read_by_its_config_file_too(mixed: str, themis: Themis) -> None:
    assert ids(themis("cases", "mixed.yaml")) == ids(themis("cases", mixed))


def test_a_stored_run_is_replayed_by_its_name_with_its_own_components(mixed: str, themis: Themis) -> None:
    before = themis("report", mixed).document["benchmark_result"]["metric_means"]
    Path("mixed.yaml").unlink()
    done = themis("replay", mixed, "--stage", "score")
    assert done.document["metric_means"] == before
    assert themis("replay", mixed, "--stage", "parse", "--code-changes", "refuse").code == 0


def test_a_replay_by_name_that_cannot_import_a_component_says_that_the_config_file_can(
    mixed: str, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, themis.model_module)
    Path(f"{themis.model_module}.py").unlink()
    done = themis("replay", mixed, "--stage", "score")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "cannot import" in done.err
    assert "name the run's config file instead of the run" in done.err
