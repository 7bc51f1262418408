"""`themis estimate --detect`: how many cases show a difference between two runs."""

from pathlib import Path

import pytest
import yaml

from tests.acceptance.conftest import Themis
from themis.demo import write_demo

METRIC = "builtin/math_equivalence"


@pytest.fixture
def runs(themis: Themis, tmp_path: Path) -> list[str]:
    """The ids of the stored runs of two models that differ, of 60 cases each."""
    config, *_ = write_demo(tmp_path, problems=60)
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    ids = []
    for name, skill in (("before", 0.6), ("after", 0.8)):
        arguments = {"name": name, "seed": 7, "skill": skill, "latency_ms": 0, "failure_rate": 0.0}
        document["generation"]["generator"]["with"] = arguments
        ids.append(themis("run", "--config", themis.write(f"{name}.yaml", document)).document["run_id"])
    return ids


def test_the_estimate_says_how_many_cases_show_a_difference_and_what_it_assumes(themis: Themis) -> None:
    done = themis("estimate", "--config", "experiment.yaml", "--detect", "2%")
    found = done.document["detection"]
    assert (found["difference"], found["level"], found["power"], found["cases"]) == (0.02, 0.05, 0.8, 2)
    of_metric = found["metrics"]["builtin/exact_match"]
    basis = of_metric.pop("basis")
    assert of_metric == {"variance": 0.5, "cases_needed": 9812, "is_enough": False, "detectable_difference": None}
    assert basis.startswith("assumed: ")
    assert done.err == f"themis: {found['conclusions'][0]}\n"


def test_without_the_option_the_estimate_is_what_it_was(themis: Themis) -> None:
    assert "detection" not in themis("estimate", "--config", "experiment.yaml").document


@pytest.mark.parametrize("by", ["files", "ids"])
def test_earlier_runs_say_how_scores_vary(themis: Themis, runs: list[str], by: str) -> None:
    earlier = ["before.yaml", "after.yaml"] if by == "files" else [run_id[:12] for run_id in runs]
    words = ("estimate", "--config", "before.yaml", "--detect", "0.1", "--earlier", *earlier)
    found = themis(*words).document["detection"]
    compared = themis("compare", "before.yaml", "after.yaml").document["comparisons"][0]["metrics"][METRIC]
    of_metric = found["metrics"][METRIC]
    assert of_metric["detectable_difference"] == pytest.approx(compared["detectable_difference"])
    assert of_metric["variance"] != 0.5
    differing = (compared["wins"] + compared["losses"]) / 60
    assert of_metric["basis"] == f"measured: {differing * 100:.1f} % of 60 pairs of the earlier runs differ"


@pytest.mark.parametrize("value", ["2", "0", "150%", "-1%", "nan"])
def test_a_value_that_is_no_share_is_one_line(themis: Themis, value: str) -> None:
    done = themis("estimate", "--config", "experiment.yaml", "--detect", value)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert f"Invalid value for '--detect': '{value}' is not a share" in done.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--earlier", "a", "b"), "--earlier and --store need --detect"),
        (("--detect", "2%", "--earlier", "a", "b"), "run a: not in this store"),
        (("--detect", "2%", "--earlier", "nowhere.yaml", "b"), "nowhere.yaml"),
    ],
)
def test_earlier_runs_that_cannot_be_read_are_one_line(themis: Themis, words: tuple[str, ...], why: str) -> None:
    done = themis("estimate", "--config", "experiment.yaml", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert why in done.err
