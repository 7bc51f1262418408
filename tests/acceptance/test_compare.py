"""`themis compare` and `themis gate`, on runs of simulated models of known skill."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.conftest import Themis
from themis.demo import write_demo

METRIC = "builtin/math_equivalence"
SKILLS = {"weak": 0.3, "strong": 0.95}


@pytest.fixture
def runs(themis: Themis, tmp_path: Path) -> dict[str, str]:
    """The ids of two runs of 60 cases, by the names of their config files."""
    config, *others = write_demo(tmp_path, problems=60)
    document: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    for file in (config, *others):
        file.unlink()
    ids = {}
    for name, skill in SKILLS.items():
        arguments = {"name": name, "seed": 7, "skill": skill, "latency_ms": 0, "failure_rate": 0.0}
        document["generation"]["generator"]["with"] = arguments
        path = themis.write(f"{name}.yaml", document)
        ids[path.name] = themis("run", "--config", path).document["run_id"]
    return ids


def test_a_better_run_is_found_better_with_its_flips_and_a_sentence(themis: Themis, runs: dict[str, str]) -> None:
    found = themis("compare", "weak.yaml", "strong.yaml", "--flips", 3).document["comparisons"][0]
    assert (found["baseline_run_id"], found["candidate_run_id"]) == tuple(runs.values())
    metric = found["metrics"][METRIC]
    assert metric["pairs"] == 60 == metric["wins"] + metric["losses"] + metric["ties"]
    assert metric["mean_delta"] == pytest.approx(metric["candidate_mean"] - metric["baseline_mean"])
    assert metric["mean_delta"] > 0.4
    assert metric["test"] == "mcnemar"
    assert metric["p_adjusted"] < 0.001
    assert found["conclusions"][0].startswith(f"{METRIC}: strong.yaml scores higher than weak.yaml (+0.")
    assert len(found["flips"]) == 3
    assert all(flip["baseline_answer"] != flip["candidate_answer"] for flip in found["flips"])


def test_runs_are_named_by_ids_and_by_the_options_of_earlier_releases_too(themis: Themis, runs: dict[str, str]) -> None:
    by_files = themis("compare", "--baseline-config", "weak.yaml", "--candidate-config", "strong.yaml").document
    by_ids = themis("compare", *(run_id[:12] for run_id in runs.values())).document
    assert by_ids["comparisons"][0]["metrics"] == by_files["comparisons"][0]["metrics"]


def test_several_candidates_share_one_adjustment(themis: Themis, runs: dict[str, str]) -> None:
    del runs
    alone = themis("compare", "weak.yaml", "strong.yaml").document["comparisons"][0]["metrics"][METRIC]
    both = themis("compare", "weak.yaml", "strong.yaml", "weak.yaml").document["comparisons"]
    assert len(both) == 2
    assert both[0]["metrics"][METRIC]["p_adjusted"] == pytest.approx(2 * alone["p_value"])
    assert both[1]["conclusions"] == [
        (f"{METRIC}: no difference is shown (+0.0000, 95 % interval -0.0447 to +0.0447, p = 1.0000, 60 pairs).")
    ]


def test_people_read_a_table_and_what_follows(
    themis: Themis, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del runs
    monkeypatch.setattr("themis.cli.stored.compare.is_for_people", lambda: True)
    lines = themis("compare", "weak.yaml", "strong.yaml", "--flips", 2).out.splitlines()
    assert lines[0].startswith("baseline weak.yaml (")
    assert lines[2].split() == [
        "metric",
        "baseline",
        "candidate",
        "difference",
        "95",
        "%",
        "interval",
        "p",
        "pairs",
        "better",
        "worse",
    ]
    assert lines[3].startswith("math_equivalence ")
    assert "baseline's answer" in lines[5]
    assert lines[-1].startswith("math_equivalence: strong.yaml scores higher than weak.yaml")


def test_what_cannot_be_compared_is_one_line(themis: Themis, runs: dict[str, str]) -> None:
    del runs
    for words, text in (
        (("weak.yaml",), "name two runs at least"),
        (("weak.yaml", "ffff"), "ffff: no name, run or job begins so"),
        (("weak.yaml", "nowhere.yaml"), "nowhere.yaml"),
        (("weak.yaml", "strong.yaml", "--cluster", "passage"), "no case has 'passage' in its metadata"),
    ):
        done = themis("compare", *words)
        assert done.code == 2
        assert text in done.err
        assert "Traceback" not in done.err


def policy(themis: Themis, *rules: dict[str, Any], **more: Any) -> Path:
    whole = [{"name": f"b{no}", "candidate": "strong.yaml", **rule} for no, rule in enumerate(rules)]
    return themis.write("gate.yaml", {"benchmarks": whole, **more})


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("rules", "code", "decision", "verdicts"),
    [
        ([{"threshold": 0.7}, {"max_drop": 0.05, "baseline": "weak.yaml"}], 0, "go", ["passed", "passed"]),
        ([{"threshold": 0.7}, {"candidate": "weak.yaml", "threshold": 0.7}], 3, "no-go", ["passed", "failed"]),
        ([{"threshold": 0.93}], 8, "undecided", ["undecided"]),
        ([{"candidate": "ffff", "threshold": 0.5}], 3, "no-go", ["missing"]),
        (
            [{"candidate": "weak.yaml", "baseline": "strong.yaml", "max_relative_drop": 0.1, "tier": "advisory"}],
            0,
            "go",
            ["failed"],
        ),
    ],
)
def test_the_gate_ends_with_its_decision(
    themis: Themis, runs: dict[str, str], rules: list[dict[str, Any]], code: int, decision: str, verdicts: list[str]
) -> None:
    del runs
    done = themis("gate", "--policy", policy(themis, *rules))
    assert done.code == code
    document = yaml.safe_load(done.out)
    assert document["decision"] == decision
    assert [one["verdict"] for one in document["benchmarks"]] == verdicts


def test_a_policy_with_a_mistake_is_one_line(themis: Themis, runs: dict[str, str]) -> None:
    del runs
    done = themis("gate", "--policy", policy(themis, {"threshhold": 0.7}))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "threshhold" in done.err
    done = themis("gate", "--policy", "nowhere.yaml")
    assert (done.code, done.err.count("\n")) == (2, 1)
