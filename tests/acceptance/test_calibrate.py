"""`themis judge calibrate`: a judge of known verdicts against labels of people, and what reports say of it then."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Themis
from themis.core.experiment import Experiment
from themis.core.statistics.intervals import wilson

JUDGES = "judges_of_the_calibrations"
SOURCE = '''
import re
from collections import Counter
from themis.core.workflows import JudgeResponse


class _Judge:
    version = "1"

    def fingerprint(self):
        return self.component_id

    async def judge(self, prompt, *, seed=None):
        return JudgeResponse(judge_model_id=self.component_id, raw_response=self.says(prompt.content))


class Strict(_Judge):
    """Passes what begins with yes."""
    component_id = "strict"

    def says(self, prompt):
        return "[[PASS]]" if re.search(r"<answer-[0-9a-f]+>\\nyes", prompt) else "[[FAIL]]"


class Fickle(_Judge):
    """Says another verdict at each second time that it is asked the same about an answer that is unclear."""
    component_id = "fickle"

    def __init__(self):
        self.asked = Counter()

    def says(self, prompt):
        self.asked[prompt] += 1
        return "[[FAIL]]" if "unclear" in prompt and self.asked[prompt] % 2 == 0 else "[[PASS]]"


class First(_Judge):
    """Prefers what is shown first."""
    component_id = "first"

    def says(self, prompt):
        return "[[A]]"


class Mute(_Judge):
    """Gives no verdict."""
    component_id = "mute"

    def says(self, prompt):
        return "I would rather not say."
'''

ANSWERS = ["yes a", "yes ab", "yes abc", "yes abcd", "yes abcde", "yes a", "no", "no a", "no ab", "no abc"]
PEOPLE = ["PASS", "PASS", "PASS", "pass", "FAIL", "FAIL", " Pass ", "FAIL", "FAIL", "FAIL"]
"""The judge passes the first six: 4 and 1 of those that people pass and fail, 2 and 3 of the others."""


def experiment(judge: str = "Strict", rubric: str = "It agrees.", **changes: Any) -> dict[str, Any]:
    return {
        "generation": {"generator": "builtin/demo_generator", **changes.get("generation", {})},
        "evaluation": {
            "judge_models": [f"{JUDGES}:{judge}"],
            "metrics": [changes.get("metric", {"use": "builtin/llm_rubric", "with": {"rubric": rubric}})],
        },
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "answers", "cases": cases(changes.get("answers", ANSWERS))}],
    }


def cases(answers: list[str]) -> list[dict[str, Any]]:
    return [{"case_id": f"c{no}", "input": "Agree?", "expected_output": answer} for no, answer in enumerate(answers)]


def write_labels(labels: Mapping[str, str] | list[str], name: str = "labels.csv") -> str:
    rows = labels if isinstance(labels, dict) else {f"c{no}": label for no, label in enumerate(labels)}
    lines = ["case_id,label", *(f"{case_id},{label}" for case_id, label in rows.items())]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


@pytest.fixture
def judges(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Themis]:
    """The command, in a folder with a module of judges."""
    Path(f"{JUDGES}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.delitem(sys.modules, JUDGES, raising=False)
    yield themis
    sys.modules.pop(JUDGES, None)


def run(themis: Themis, document: dict[str, Any], name: str = "judged.yaml") -> Path:
    path = themis.write(name, document)
    themis("run", "--config", path)
    return path


def calibrated(themis: Themis, config: Path, labels: str, *more: object) -> dict[str, Any]:
    done = themis("judge", "calibrate", "--config", config, "--labels", labels, *more)
    (found,) = done.document["calibrations"]
    return dict(found)


def test_a_judge_of_known_verdicts_has_the_figures_that_follow_by_hand(judges: Themis) -> None:
    """Of ten cases both agree on 4 + 3; by chance on 5 * 6 + 5 * 4 of a hundred: kappa is (0.7 - 0.5) / 0.5.

    The answers that are passed have 40 / 6 characters, the others 17 / 4, all a deviation of 1.9; the judge passes 0.6.
    """
    found = calibrated(judges, run(judges, experiment()), write_labels(PEOPLE))
    assert (found["labelled"], found["compared"], found["without_verdict"]) == (10, 10, {})
    assert found["confusion"] == {"PASS": {"PASS": 4, "FAIL": 1}, "FAIL": {"PASS": 2, "FAIL": 3}}
    assert found["kappa"]["value"] == pytest.approx(0.4)
    assert found["kappa"]["ci_lower"] < 0.4 < found["kappa"]["ci_upper"]
    assert found["agreement"]["value"] == 0.7
    assert found["base_rates"] == {"FAIL": {"people": 0.5, "judge": 0.4}, "PASS": {"people": 0.5, "judge": 0.6}}
    for name, share, interval in (("positive", 0.8, (0.3755, 0.9638)), ("negative", 0.6, (0.2307, 0.8824))):
        figure = found[f"true_{name}_rate"]
        assert (figure["value"], figure["count"]) == (share, 5)
        assert (figure["ci_lower"], figure["ci_upper"]) == pytest.approx(interval, abs=5e-5)
    assert found["positive"] == ["PASS"]
    length = found["length_bias"]["judge"]["point_biserial"]
    assert length["value"] == pytest.approx((40 / 6 - 17 / 4) / 1.9 * 0.24**0.5)
    assert 0 < length["ci_lower"] < length["value"] < length["ci_upper"] < 1
    assert found["length_bias"]["people"]["spearman"]["value"] is not None


def test_a_run_is_calibrated_by_its_name_without_its_config_file_and_its_judges(judges: Themis) -> None:
    config, labels = run(judges, experiment()), write_labels(PEOPLE)
    by_config = calibrated(judges, config, labels)
    (stored,) = judges("list", "--json").document
    config.unlink()
    Path(f"{JUDGES}.py").write_text("raise RuntimeError('a judge is loaded')", encoding="utf-8")
    sys.modules.pop(JUDGES)
    (by_name,) = judges("judge", "calibrate", stored["name"], "--labels", labels).document["calibrations"]
    assert by_name["kappa"] == by_config["kappa"]
    assert by_name["confusion"] == by_config["confusion"]


def test_what_cannot_be_measured_is_null_with_the_reason(judges: Themis) -> None:
    found = calibrated(judges, run(judges, experiment()), write_labels({"c0": "PASS", "c1": "PASS"}))
    assert found["kappa"] == {
        "value": None,
        "ci_lower": None,
        "ci_upper": None,
        "count": 0,
        "reason": "people and judge call all 2 cases PASS",
    }
    assert found["true_negative_rate"]["reason"] == "people call each compared case PASS"
    assert found["rank_correlation"]["reason"] == "the scale has two verdicts, of which kappa says all"
    assert found["length_bias"]["judge"]["spearman"]["reason"] == "each verdict is the same, or each answer as long"
    assert found["position_bias"]["first_shown_share"]["reason"] == "no pair of answers was judged in both orders"
    assert found["self_consistency"]["reason"] == "no question was asked more than once"


def test_cases_without_a_verdict_are_counted_and_never_compared(judges: Themis) -> None:
    config = run(judges, experiment("Mute"))
    done = judges("judge", "calibrate", "--config", config, "--labels", write_labels(PEOPLE[:3]))
    (found,) = done.document["calibrations"]
    assert (found["labelled"], found["compared"], found["without_verdict"]) == (3, 0, {"evaluation_failure": 3})
    assert found["kappa"]["reason"] == found["agreement"]["reason"] == "no labelled case has a verdict"
    assert found["true_positive_rate"]["value"] is None
    assert done.err == "themis: builtin/llm_rubric: no labelled case has a verdict, so that nothing was kept\n"
    assert "uncalibrated" in report(judges, config, "csv")


def test_repeats_of_a_question_say_how_consistent_a_judge_is(judges: Themis) -> None:
    """Of three votes two are alike, so that one of three pairs agrees; of the other answer all do."""
    metric = {"use": "builtin/majority_vote_judge", "with": {"rubric": "It agrees.", "repeats": 3}}
    config = run(judges, experiment("Fickle", metric=metric, answers=["clear", "unclear"]))
    found = calibrated(judges, config, write_labels(["PASS", "PASS"]))
    assert found["self_consistency"]["value"] == pytest.approx(2 / 3)
    assert found["self_consistency"]["count"] == 2
    assert found["confusion"] == {"PASS": {"PASS": 2}}


def test_a_judge_that_takes_the_first_is_found_out_by_asking_in_both_orders(judges: Themis) -> None:
    metric = {"use": "builtin/pairwise_judge", "with": {"rubric": "It is kind."}}
    generation = {"candidate_policy": {"num_samples": 2}}
    config = run(judges, experiment("First", metric=metric, generation=generation, answers=["one", "two", "three"]))
    found = calibrated(judges, config, write_labels(["A", "tie", "B"]))
    bias = found["position_bias"]
    assert (bias["first_shown_share"]["value"], bias["order_agreement"]["value"]) == (1, 0)
    assert bias["first_shown_share"]["ci_lower"] == pytest.approx(wilson(3, 3)[0])
    assert found["confusion"] == {"A": {"tie": 1}, "B": {"tie": 1}, "tie": {"tie": 1}}
    assert found["kappa"]["value"] == 0
    assert found["true_positive_rate"]["reason"].endswith("name those that count as positive")
    rates = calibrated(judges, config, write_labels(["A", "tie", "B"]), "--positive", "a", "--positive", "TIE")
    assert rates["positive"] == ["A", "tie"]
    assert (rates["true_positive_rate"]["value"], rates["true_negative_rate"]["value"]) == (1, 0)


def test_a_scale_of_numbers_has_a_rank_correlation(judges: Themis) -> None:
    Path(f"{JUDGES}.py").write_text(SOURCE + NUMBERS, encoding="utf-8")
    metric = {"use": "builtin/llm_rubric", "with": {"rubric": "It is long.", "scale": {"lowest": 0, "highest": 10}}}
    config = run(judges, experiment("Counting", metric=metric, answers=["a", "bb", "ccc", "dddd", "eeeee"]))
    rows = [{"case_id": f"c{no}", "label": label} for no, label in enumerate([1, 2, 4, 3, "5/10"])]
    Path("labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = calibrated(judges, config, "labels.jsonl")
    assert found["rank_correlation"]["value"] == pytest.approx(0.9)
    assert found["agreement"]["value"] == 0.6
    assert found["length_bias"]["judge"]["spearman"]["value"] == 1


NUMBERS = '''

class Counting(_Judge):
    """Grades an answer by the number of its characters."""
    component_id = "counting"

    def says(self, prompt):
        return "[[%d]]" % len(re.search(r"<answer-[0-9a-f]+>\\\\n(.*)\\\\n<", prompt)[1])
'''.replace("\\\\", "\\")


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,label\nc0,PASS\nc99,FAIL\n", "labels.csv:3: no case 'c99' of the run has ended; did you mean"),
        ("case_id,label\nc0,GOOD\n", "labels.csv:2: the label 'GOOD' is not on the scale of the metric: PASS or FAIL"),
        ("case_id,label\nc0,PASS\nc0,FAIL\n", "labels.csv:3: case 'c0' has a label already, at labels.csv:2;"),
        ("case_id,label,metric\nc0,PASS,builtin/exact_match\n", "labels.csv:2: the run has no metric 'builtin/exact"),
        ("case_id,label\nc0,\n", "labels.csv:2: has no 'label'"),
        ("id,label\nc0,PASS\n", "labels.csv:2: has no 'case_id'; it has 'id', 'label'"),
        ("case_id,label\n", "labels.csv: holds no labels"),
        ("", "labels.csv: holds no labels"),
        ('case_id,label\nc0,"PASS\n', "labels.csv:2: is not CSV: it ends within a quoted cell"),
        ("case_id,label\nc0,PASS\x00\x1b[2J\n", "labels.csv:2: the label 'PASS\\x00\\x1b[2J' is not on the scale"),
        ("case_id,label,dataset_id\nc0,PASS,other\n", "labels.csv:2: no case 'c0' of dataset 'other' of the run"),
    ],
)
def test_labels_that_cannot_be_used_are_named_with_their_line(judges: Themis, text: str, said: str) -> None:
    config = run(judges, experiment())
    Path("labels.csv").write_text(text, encoding="utf-8")
    done = judges("judge", "calibrate", "--config", config, "--labels", "labels.csv")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_run_that_is_not_there_or_asks_no_judge_is_one_line(judges: Themis) -> None:
    write_labels(PEOPLE)
    never_run = judges.write("never.yaml", experiment(rubric="Never asked."))
    unjudged = run(judges, judges.experiment, "plain.yaml")
    judged = run(judges, experiment())
    for words, said in (
        ((never_run, "--labels", "labels.csv"), "not in this store"),
        ((unjudged, "--labels", "labels.csv"), "labels: no metric of the run asks a judge"),
        ((judged, "--labels", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (
            (judged, "--labels", "labels.csv", "--metric-id", "kindness"),
            "metric_id: the run has no metric 'kindness'",
        ),
        ((judged, "--labels", "labels.csv", "--positive", "fine"), "positive: is not on the scale: PASS or FAIL"),
    ):
        done = judges("judge", "calibrate", "--config", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert done.err.count("\n") == 1


def test_labels_of_several_metrics_say_which_and_none_may_be_of_one_that_asks_no_judge(judges: Themis) -> None:
    document = experiment()
    rubric = {"use": "builtin/llm_rubric", "with": {"rubric": "It is short."}, "as": "short"}
    document["evaluation"]["metrics"] += [rubric, "builtin/exact_match"]
    config = run(judges, document)
    Path("labels.csv").write_text("case_id,label,metric\nc0,PASS,short\nc0,FAIL,builtin/llm_rubric\n", encoding="utf-8")
    found = judges("judge", "calibrate", "--config", config, "--labels", "labels.csv").document["calibrations"]
    assert [(one["metric_id"], one["confusion"]) for one in found] == [
        ("short", {"PASS": {"PASS": 1}}),
        ("builtin/llm_rubric", {"FAIL": {"PASS": 1}}),
    ]
    Path("pure.csv").write_text("case_id,label,metric\nc0,PASS,builtin/exact_match\n", encoding="utf-8")
    for file, said in (
        (
            "pure.csv",
            "pure.csv:2: the metric 'builtin/exact_match' asks no judge; those that do: builtin/llm_rubric, short",
        ),
        (write_labels(["PASS"], "none.csv"), "none.csv:2: says no metric, and builtin/llm_rubric, short ask judges;"),
    ):
        done = judges("judge", "calibrate", "--config", config, "--labels", file)
        assert (done.code, said in done.err) == (2, True), done.err


def test_people_read_figures_and_a_table(judges: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    config = run(judges, experiment())
    write_labels(PEOPLE)
    monkeypatch.setattr("themis.cli.stored.judge.is_for_people", lambda: True)
    lines = judges("judge", "calibrate", "--config", config, "--labels", "labels.csv").out.splitlines()
    assert lines[0] == "builtin/llm_rubric: 10 of 10 labelled cases compared"
    assert lines[2].split()[:2] == ["kappa", "0.400"]
    assert any(line.split()[:3] == ["PASS", "4", "1"] for line in lines)


FORMATS = ("json", "jsonl", "markdown", "csv", "latex", "junit", "markdown-summary", "latex-summary", "html")
KAPPA = "kappa 0.40 (-0.21 to 0.78, 10 labels)"


def report(themis: Themis, config: Path, form: str) -> str:
    done = themis("report", "--config", config, "--format", form)
    assert done.code == 0, done.err
    return done.out


@pytest.mark.few(3)
@pytest.mark.parametrize("form", FORMATS)
def test_each_report_says_that_a_judge_is_uncalibrated_and_its_kappa_once_it_is_not(judges: Themis, form: str) -> None:
    config = run(judges, experiment())
    assert "uncalibrated" in report(judges, config, form)
    calibrated(judges, config, write_labels(PEOPLE))
    after = report(judges, config, form).replace("has not been compared", "").replace("an uncalibrated judge", "")
    assert "uncalibrated" not in after
    if form != "json":
        assert KAPPA in after
        return
    (found,) = json.loads(after)["calibrations"].values()
    assert (found["status"], found["kappa"]["value"]) == ("calibrated", pytest.approx(0.4))


@pytest.mark.few(3)
@pytest.mark.parametrize("form", FORMATS)
def test_a_report_on_a_run_without_judges_says_nothing_of_them(judges: Themis, form: str) -> None:
    config = run(judges, judges.experiment, "plain.yaml")
    assert "calibrat" not in report(judges, config, form)


def note(themis: Themis, config: Path) -> str:
    rows = [json.loads(line) for line in report(themis, config, "jsonl").splitlines()]
    (found,) = {row["calibration"] for row in rows}
    return str(found)


def test_a_calibration_holds_for_runs_with_the_same_judge_and_rubric_and_for_no_others(judges: Themis) -> None:
    calibrated(judges, run(judges, experiment()), write_labels(PEOPLE))
    metric = {"use": "builtin/llm_rubric", "with": {"rubric": "It agrees."}, "as": "agreeing"}
    shorter = {"use": "builtin/llm_rubric", "with": {"rubric": "It agrees.", "scale": ["PASS", "PARTLY", "FAIL"]}}
    named = experiment(metric=metric, answers=["no", "yes", "other"])
    named["evaluation"]["judge_models"] = [{"use": f"{JUDGES}:Strict", "as": "mine"}, f"{JUDGES}:First"]
    for name, document, said in (
        ("other-data", experiment(answers=["yes", "no"]), KAPPA),
        ("other-names", named, KAPPA),
        ("other-judge", experiment("Fickle"), "uncalibrated"),
        ("other-rubric", experiment(rubric="It agrees politely."), "uncalibrated"),
        ("other-scale", experiment(metric=shorter), "uncalibrated"),
    ):
        assert note(judges, run(judges, document, f"{name}.yaml")) == said, name


def test_a_rubric_of_the_cases_is_calibrated_for_these_cases_alone(judges: Themis) -> None:
    metric = {"use": "builtin/llm_rubric", "with": {"rubric_from": "metadata.rubric"}}
    documents = [experiment(metric=metric) for _ in range(2)]
    for document, rubric in zip(documents, ("It agrees.", "It disagrees."), strict=True):
        for case in document["datasets"][0]["cases"]:
            case["metadata"] = {"rubric": rubric}
    config = run(judges, documents[0])
    calibrated(judges, config, write_labels(PEOPLE))
    assert note(judges, config) == KAPPA
    assert note(judges, run(judges, documents[1], "other.yaml")) == "uncalibrated"


def test_a_later_calibration_takes_the_place_of_an_earlier_one(judges: Themis) -> None:
    config = run(judges, experiment())
    calibrated(judges, config, write_labels(["PASS", "PASS"]))
    assert note(judges, config) == "kappa not measured: people and judge call all 2 cases PASS"
    calibrated(judges, config, write_labels(PEOPLE))
    assert note(judges, config) == KAPPA


def test_a_calibration_of_another_version_that_cannot_be_read_breaks_no_report(judges: Themis) -> None:
    config = run(judges, experiment())
    calibrated(judges, config, write_labels(PEOPLE))
    with closing(Experiment.from_config(config).open_store()) as store:
        ((key, text),) = store.calibrations().items()
        store.save_calibration(key, json.dumps({**json.loads(text), "added": {"later": 1}}))
        assert note(judges, config) == KAPPA
        store.save_calibration(key, '{"kappa": "another form"}')
    assert note(judges, config) == "uncalibrated"


def test_scores_of_a_file_stand_beside_those_of_a_judge(judges: Themis) -> None:
    write_labels(PEOPLE)
    document = experiment()
    people = {"path": str(Path("labels.csv").absolute()), "field": "label", "labels": {"PASS": 1, "FAIL": 0}}
    document["evaluation"]["metrics"].append({"use": "builtin/precomputed", "with": people, "as": "people"})
    config = judges.write("both.yaml", document)
    assert judges("run", "--config", config).document["metric_means"] == {"builtin/llm_rubric": 0.6, "people": 0.5}
    before = judges("status", "--config", config, "--json").document[0]["run_id"]
    write_labels([*PEOPLE[:-1], "PASS"])
    again = judges("run", "--config", config).document
    assert (again["metric_means"]["people"], again["run_id"] != before) == (0.6, True)


def test_a_file_of_scores_that_cannot_be_used_is_one_line(judges: Themis) -> None:
    Path("scores.csv").write_text("case_id,score\nc0,1\nc0,0\n", encoding="utf-8")
    document = experiment()
    document["evaluation"]["metrics"] = [{"use": "builtin/precomputed", "with": {"path": "scores.csv"}}]
    done = judges("run", "--config", judges.write("broken.yaml", document))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "scores.csv:3: case 'c0' has a score already, at " in done.err
