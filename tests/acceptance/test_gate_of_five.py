"""`themis gate` over five benchmarks: a verdict on each, and one decision, which is the exit code."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Done, Themis

MODULE = "parts_of_the_tests_of_gates"
PARTS = '''
"""A model that answers so many cases rightly, and a metric of which less is better."""

from themis.core.models import GenerationResult, Score


class Model:
    component_id = "test/model"
    version = "1"

    def __init__(self, right):
        self.right = right

    def fingerprint(self):
        return "model"

    async def generate(self, case, ctx):
        is_right = int(case.case_id) < self.right
        return GenerationResult(candidate_id=case.case_id, final_output="right" if is_right else "wrong")


class Wrong:
    component_id = "test/wrong"
    version = "1"

    def fingerprint(self):
        return "wrong"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=float(parsed.value != case.expected_output))
'''
RIGHT, WRONG = "builtin/exact_match", "test/wrong"
CASES = 100
MODELS = {"old": 92, "new": 91, "worse": 55, "hardly": 4, "never": 1}
"""How many cases each model answers rightly."""

SUPPORTING = {"tier": "supporting", "metric": RIGHT}
FIVE: dict[str, dict[str, Any]] = {
    "arithmetic": {"candidate": "new.yaml", "baseline": "old.yaml", "metric": RIGHT, "max_drop": 0.1},
    "errors": {"candidate": "new.yaml", "metric": WRONG, "threshold": 0.25, "direction": "lower"},
    "reading": {**SUPPORTING, "candidate": "new.yaml", "baseline": "old.yaml", "max_relative_drop": 0.1},
    "rare words": {**SUPPORTING, "candidate": "never.yaml", "baseline": "hardly.yaml", "max_relative_drop": 0.1},
    "style": {"candidate": "worse.yaml", "metric": RIGHT, "tier": "advisory", "threshold": 0.9},
}
"""All pass but the advisory one; of the rare words 75 % are lost, but the baseline knows only 4 of 100."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs are kept that the first test has made."""
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture
def runs(themis: Themis, made: Path, monkeypatch: pytest.MonkeyPatch) -> Themis:
    """The commands, with the stored run of each model, and a config file whose run was never made."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    if not made.exists():
        make_runs(themis)
        shutil.copytree(Path.cwd(), made)
    shutil.copytree(made, Path.cwd(), dirs_exist_ok=True)
    return themis


def make_runs(themis: Themis) -> None:
    Path(f"{MODULE}.py").write_text(PARTS, encoding="utf-8")
    cases = [{"case_id": f"{number}", "input": "x", "expected_output": "right"} for number in range(CASES)]
    Path("cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    for name, right in {**MODELS, "not-run": 50}.items():
        document = {
            **themis.experiment,
            "generation": {"generator": {"use": f"{MODULE}:Model", "with": {"right": right}}},
            "evaluation": {"parsers": ["builtin/json_identity"], "metrics": [RIGHT, f"{MODULE}:Wrong"]},
            "datasets": [{"dataset_id": "d", "path": "cases.jsonl"}],
        }
        file = themis.write(f"{name}.yaml", document)
        if name in MODELS:
            assert themis("run", "--config", file, "--quiet").code == 0


def gated(themis: Themis, changes: dict[str, dict[str, Any]] | None = None, **policy: Any) -> Done:
    """The gate over the five benchmarks, some of which are changed."""
    rules = [{"name": name, **rule, **(changes or {}).get(name, {})} for name, rule in FIVE.items()]
    return themis("gate", "--policy", themis.write("gate.yaml", {"benchmarks": rules, **policy}))


def verdicts(done: Done) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in json.loads(done.out)["benchmarks"]}


PASSING = dict.fromkeys(FIVE, "passed") | {"style": "failed"}
IS_WORSE = {"candidate": "worse.yaml"}
IS_CLOSE = {"max_drop": 0.02}
IS_NOT_RUN = {"candidate": "not-run.yaml"}
HAS_NO_VALUE = {"figure": "median"}


@pytest.mark.parametrize(
    ("changes", "policy", "code", "decision", "changed"),
    [
        ({}, {}, 0, "go", {}),
        # Critical ones must pass.
        ({"arithmetic": IS_WORSE}, {}, 3, "no-go", {"arithmetic": "failed"}),
        ({"arithmetic": IS_CLOSE}, {}, 8, "undecided", {"arithmetic": "undecided"}),
        ({"arithmetic": IS_CLOSE}, {"decide_by": "mean"}, 0, "go", {}),
        ({"arithmetic": IS_CLOSE, "errors": IS_WORSE}, {}, 3, "no-go", {"arithmetic": "undecided", "errors": "failed"}),
        # Of the others so many may fail as the policy says.
        ({"reading": IS_WORSE}, {}, 3, "no-go", {"reading": "failed"}),
        ({"reading": IS_WORSE}, {"max_failed_supporting": 1}, 0, "go", {"reading": "failed"}),
        ({"reading": {"max_relative_drop": 0.02}}, {}, 8, "undecided", {"reading": "undecided"}),
        ({"reading": {"max_relative_drop": 0.02}}, {"max_failed_supporting": 1}, 0, "go", {"reading": "undecided"}),
        # A share of a small baseline means nothing, unless the policy says that it does.
        ({"rare words": {"smallest_baseline": 0.04}}, {"decide_by": "mean"}, 3, "no-go", {"rare words": "failed"}),
        # Where less is better, more is worse.
        ({"errors": IS_WORSE}, {}, 3, "no-go", {"errors": "failed"}),
        ({"errors": {"direction": "higher"}}, {}, 3, "no-go", {"errors": "failed"}),
        ({"errors": {"threshold": 0.1}}, {}, 8, "undecided", {"errors": "undecided"}),
        # What was not measured is a no-go, however many may fail; but not where it is only shown.
        ({"errors": IS_NOT_RUN}, {}, 3, "no-go", {"errors": "missing"}),
        ({"errors": {"metric": "test/other"}}, {}, 3, "no-go", {"errors": "missing"}),
        ({"errors": HAS_NO_VALUE}, {}, 3, "no-go", {"errors": "missing"}),
        ({"reading": {"baseline": "not-run.yaml"}}, {"max_failed_supporting": 2}, 3, "no-go", {"reading": "missing"}),
        ({"rare words": HAS_NO_VALUE}, {"max_failed_supporting": 2}, 3, "no-go", {"rare words": "missing"}),
        ({"style": IS_NOT_RUN}, {}, 0, "go", {"style": "missing"}),
    ],
)
def test_five_verdicts_are_one_decision(
    runs: Themis,
    changes: dict[str, dict[str, Any]],
    policy: dict[str, Any],
    code: int,
    decision: str,
    changed: dict[str, str],
) -> None:
    done = gated(runs, changes, **policy)
    assert verdicts(done) == {**PASSING, **changed}
    assert (json.loads(done.out)["decision"], done.code) == (decision, code)


def test_each_verdict_is_shown_with_its_tier_and_its_reason(runs: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.cli.stored.gate.is_for_people", lambda: True)
    header, *rows, empty, decision = gated(runs, {"errors": IS_NOT_RUN}).out.splitlines()
    assert header.split() == ["benchmark", "tier", "verdict", "because"]
    shown = [tuple(part.strip() for part in row.split("  ") if part.strip()) for row in rows]
    assert [row[:3] for row in shown] == [
        ("arithmetic", "critical", "passed"),
        ("errors", "critical", "missing"),
        ("reading", "supporting", "passed"),
        ("rare words", "supporting", "passed"),
        ("style", "advisory", "failed"),
    ]
    reasons = {row[0]: row[3] for row in shown}
    assert reasons["arithmetic"] == "largest drop 0.1, difference -0.0100"
    assert "not in this store; it was not run yet" in reasons["errors"]
    assert reasons["reading"] == "largest drop 0.092 (10.00% of 0.92), difference -0.0100"
    assert reasons["rare words"] == "the baseline of 0.04 is below 0.05, so no relative drop is judged"
    assert reasons["style"] == "threshold 0.9, measured 0.5500"
    assert (empty, decision) == ("", "no-go")
