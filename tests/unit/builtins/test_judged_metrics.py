"""The shipped metrics that ask judges, and the demo judge, in whole runs."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, judged_experiment
from tests.support.lab import ScriptedGenerator, scores_of
from themis.core.builtins.judged.llm_rubric import LLMRubric
from themis.core.builtins.judged.majority_vote_judge import MajorityVoteJudge
from themis.core.builtins.judged.pairwise_judge import PairwiseJudge
from themis.core.builtins.judged.panel_of_judges import PanelOfJudges
from themis.core.errors import InvalidArgumentError
from themis.core.inspection import quickcheck
from themis.core.models import Case, Dataset, Score
from themis.core.results import CaseResult
from themis.core.stores import InMemoryRunStore

POINTS = [
    {"criterion": "Advises rest.", "points": 5},
    {"criterion": "Names a doctor.", "points": 3},
    {"criterion": "Advises antibiotics.", "points": -4},
]


def one_case(**fields: Any) -> list[Dataset]:
    return [
        Dataset(dataset_id="lab", cases=[Case(case_id="1", **{"input": "A cold?", "expected_output": None, **fields})])
    ]


def judge(says: str | Callable[[str], str], name: str = "lab/judge") -> ScriptedJudge:
    return ScriptedJudge(says if callable(says) else lambda _: says, component_id=name)


def run(metric: Any, *judges: ScriptedJudge, samples: int = 1, generator: Any = None, **options: Any) -> CaseResult:
    """The one case of a run."""
    options = {"datasets": one_case(), **options}
    made = judged_experiment(judges, [metric], samples=samples, generator=generator, **options)
    (found,) = made.run().cases
    return found


def details(case: CaseResult) -> dict[str, Any]:
    (score,) = case.scores
    assert isinstance(score, Score)
    return score.details


def failure(case: CaseResult) -> str:
    ((_, found),) = case.evaluation_failures.items()
    return str(found.message)


@pytest.mark.parametrize(
    ("metric", "says", "value"),
    [
        (LLMRubric(), "It is fine. [[PASS]]", 1),
        (LLMRubric(), "It is wrong. [[FAIL]]", 0),
        (LLMRubric(scale=["CORRECT", "INCORRECT"]), "INCORRECT", 0),
        (LLMRubric(scale={"lowest": 1, "highest": 5}), "[[4]]", 0.75),
        (LLMRubric(scale={"lowest": 1, "highest": 5}, normalized=False), "[[4]]", 4),
        (LLMRubric(scale="true_false", marker={"field": "match"}), '{"match": "false"}', 0),
        (LLMRubric(scale={"A": 1, "B": 0.6, "C": 0}), "As a judge, I think. The final grade is B.", 0.6),
    ],
)
def test_a_rubric_gives_what_the_verdict_is_worth(metric: LLMRubric, says: str, value: float) -> None:
    assert scores_of(run(metric, judge(says))) == [value]


def test_the_judge_sees_rubric_question_reference_and_answer() -> None:
    seen = judge("[[PASS]]")
    run(LLMRubric("Be kind."), seen, datasets=one_case(expected_output={"answer": "Rest."}))
    ((prompt, _),) = seen.calls
    for text in ("Be kind.", "A cold?", "Rest.", "[[PASS]] or [[FAIL]]"):
        assert text in prompt


def test_what_cannot_be_read_is_asked_once_more_with_what_was_wrong() -> None:
    seen = judge(lambda prompt: "[[PASS]]" if "could not be used" in prompt else "[[11]]")
    assert scores_of(run(LLMRubric(), seen)) == [1]
    assert len(seen.calls) == 2
    assert "'11' is not on the scale: PASS or FAIL" in seen.calls[1][0]


def test_a_judge_without_a_verdict_leaves_the_case_unscored() -> None:
    seen = judge("Who knows.")
    case = run(LLMRubric(), seen)
    assert scores_of(case) == []
    assert "gave no verdict" in failure(case)
    assert len(seen.calls) == 2


@pytest.mark.parametrize(
    ("met", "value", "unclipped"),
    [("rest", 5 / 8, 5 / 8), ("antibiotics", 0, -0.5), ("rest|doctor", 1, 1), ("rest|antibiotics", 1 / 8, 1 / 8)],
)
def test_points_met_over_positive_points_is_clipped(met: str, value: float, unclipped: float) -> None:
    def says(prompt: str) -> str:
        return json.dumps({"explanation": "", "criteria_met": bool(re.search(f"criterion: .*({met})", prompt))})

    for metric in (LLMRubric(), LLMRubric(rubric_from="expected_output.rubrics")):
        case = run(metric, judge(says), datasets=one_case(expected_output={"rubrics": POINTS}))
        assert scores_of(case) == [pytest.approx(value)]
        assert details(case)["unclipped"] == pytest.approx(unclipped)
        assert details(case)["positive_points"] == 8


def test_over_a_run_the_unclipped_shares_are_averaged_and_clipped_once() -> None:
    rows = [Score(metric_id="m", value=0, details={"unclipped": value}) for value in (-0.5, 1.0)]
    assert LLMRubric().aggregate(rows) == {"unclipped_mean": 0.25}
    assert LLMRubric().aggregate(rows[:1]) == {"unclipped_mean": 0}
    assert LLMRubric().aggregate([Score(metric_id="m", value=1)]) == {}


def test_one_criterion_that_is_not_judged_leaves_the_case_unscored() -> None:
    def says(prompt: str) -> str:
        return "no idea" if "Names a doctor." in prompt else '{"criteria_met": true}'

    case = run(
        LLMRubric(rubric_from="expected_output.r"), judge(says), datasets=one_case(expected_output={"r": POINTS})
    )
    assert scores_of(case) == []
    assert failure(case).startswith("1 of 4 judge calls failed")


def test_a_rubric_of_the_overrides_replaces_that_of_the_metric_and_not_that_of_the_case() -> None:
    seen = judge("[[PASS]]")
    run(LLMRubric("Be kind."), seen, workflow_overrides={"rubric": "Be brief."})
    assert "Be brief." in seen.calls[0][0]
    assert "Be kind." not in seen.calls[0][0]
    other = judge("[[PASS]]")
    where = one_case(expected_output={"rubric": "Be right."})
    metric = LLMRubric(rubric_from="expected_output.rubric")
    run(metric, other, workflow_overrides={"rubric": "Be brief."}, datasets=where)
    assert "Be right." in other.calls[0][0]


def test_a_template_of_the_case_is_its_rubric() -> None:
    seen = judge("[[PASS]]")
    expected = {
        "reference": "Oil.",
        "template": "Compare {response} with {response_reference}.",
        "system": "You grade.",
    }
    run(LLMRubric(), seen, datasets=one_case(expected_output=expected))
    prompt = seen.calls[0][0]
    assert "You grade.\n\nCompare (the answer, below) with (the reference, below)." in prompt
    assert "\nOil.\n" in prompt


@pytest.mark.parametrize(
    ("rubrics", "message"),
    [
        (7, "expected_output.rubrics: a rubric is a text"),
        ([], "expected_output.rubrics: a rubric is a text"),
        ([{"points": 1}], "expected_output.rubrics.0: has no text `criterion`"),
        ([{"criterion": "x", "points": "5"}], "expected_output.rubrics.0: `points` must be a number"),
        ([{"criterion": "x", "points": -1}], "no criterion has positive points"),
        ([3], "expected_output.rubrics.0: a criterion is a text or"),
    ],
)
def test_a_rubric_that_is_none_is_said_with_its_place(rubrics: Any, message: str) -> None:
    case = run(LLMRubric(), judge("[[PASS]]"), datasets=one_case(expected_output={"rubrics": rubrics}))
    assert message in failure(case)


def test_a_path_that_leads_nowhere_says_what_there_is() -> None:
    case = run(
        LLMRubric(rubric_from="expected_output.rubrix"), judge("x"), datasets=one_case(expected_output={"rubric": "x"})
    )
    assert "'expected_output.rubrix', which rubric_from names; did you mean" in failure(case)


def test_a_metric_names_its_judge_among_several() -> None:
    first, second = judge("[[FAIL]]", "lab/one"), judge("[[PASS]]", "lab/two")
    assert scores_of(run(LLMRubric(judge="lab/two"), first, second)) == [1]
    assert scores_of(run(LLMRubric(), first, second)) == [0]
    assert 'did you mean "lab/two"?' in failure(run(LLMRubric(judge="lab/twoo"), first, second))


def candidates(case: Case, ctx: Any) -> str:
    return f"answer {ctx.seed}"


def by_text(prompt: str) -> str:
    """Prefers answer 11 wherever it stands."""
    found = re.search(r"<answer-A-\w+>\nanswer (\d+)", prompt)
    return "[[A]]" if found and found[1] == "11" else "[[B]]"


@pytest.mark.parametrize(
    ("says", "value", "winners"),
    [
        (by_text, 1, [0, 0]),
        (lambda prompt: by_text(prompt).translate(str.maketrans("AB", "BA")), 0, [1, 1]),
        (lambda _: "[[A]]", 0.5, [0, 1]),
        (lambda _: "[[tie]]", 0.5, [None, None]),
        (lambda prompt: "[[tie]]" if by_text(prompt) == "[[A]]" else "[[B]]", 0.5, [None, 0]),
    ],
)
def test_a_pair_is_judged_in_both_orders_and_disagreement_is_a_tie(
    says: Callable[[str], str], value: float, winners: list[int | None]
) -> None:
    generator = ScriptedGenerator(candidates)
    case = run(PairwiseJudge(), judge(says), samples=2, generator=generator, seeds=[11, 22])
    assert scores_of(case) == [value]
    assert details(case)["pairs"][0]["winners"] == winners


def test_the_first_of_several_candidates_is_compared_with_each() -> None:
    generator = ScriptedGenerator(candidates)
    seen = judge(by_text)
    case = run(PairwiseJudge(ties=False), seen, samples=3, generator=generator, seeds=[11, 22, 33])
    assert scores_of(case) == [1]
    assert [pair["candidates"] for pair in details(case)["pairs"]] == [[0, 1], [0, 2]]
    assert len(seen.calls) == 4
    assert "[[A]] or [[B]]." in seen.calls[0][0]


def test_the_bias_of_a_judge_that_always_takes_the_first_is_reported_over_a_run() -> None:
    store = InMemoryRunStore()
    made = judged_experiment(
        ["builtin/demo_judge"], [PairwiseJudge()], samples=2, generator=ScriptedGenerator(candidates)
    )
    result = made.run(store=store)
    figures = quickcheck(store, result.run_id)["metrics"]["builtin/pairwise_judge"]["aggregates"]
    shown = {name: figure["value"] for name, figure in figures.items()}
    assert shown == {"first_shown_share": 1, "order_agreement": 0, "order_kappa": 0, "tie_share": 0}


def test_a_panel_takes_the_mean_and_says_how_far_it_agrees() -> None:
    judges = [judge(f"[[{label}]]", f"lab/{no}") for no, label in enumerate(["PASS", "PASS", "FAIL"])]
    case = run(PanelOfJudges(), *judges)
    assert scores_of(case) == [pytest.approx(2 / 3)]
    assert details(case)["agreement"] == pytest.approx(1 / 3)
    assert [verdict["verdict"] for verdict in details(case)["verdicts"]] == ["PASS", "PASS", "FAIL"]


def test_a_panel_that_lacks_a_judge_is_unscored_unless_enough_have_judged() -> None:
    judges = [judge("[[PASS]]", "lab/1"), judge("no idea", "lab/2"), judge("[[PASS]]", "lab/3")]
    case = run(PanelOfJudges(), *judges)
    assert scores_of(case) == []
    assert failure(case).startswith("1 of 4 judge calls failed: the judge gave no verdict")
    assert scores_of(run(PanelOfJudges(min_judges=2), *judges)) == [1]
    assert scores_of(run(PanelOfJudges(judges=["lab/1", "lab/3"]), *judges)) == [1]
    assert "4 of 3 judges can never have judged" in failure(run(PanelOfJudges(min_judges=4), *judges))


def test_the_majority_of_votes_is_the_verdict() -> None:
    judges = [judge(f"[[{label}]]", f"lab/{no}") for no, label in enumerate(["FAIL", "PASS", "FAIL"])]
    case = run(MajorityVoteJudge(), *judges)
    assert scores_of(case) == [0]
    assert details(case)["votes"] == {"FAIL": 2, "PASS": 1}


@pytest.mark.parametrize(("on_tie", "value"), [("lowest", 0), ("highest", 1), ("mean", 0.5)])
def test_a_tie_of_votes_is_explained_and_decided_as_told(on_tie: Any, value: float) -> None:
    judges = [judge("[[FAIL]]", "lab/1"), judge("[[PASS]]", "lab/2")]
    undecided = run(MajorityVoteJudge(), *judges)
    assert scores_of(undecided) == []
    assert failure(undecided) == "no verdict has the most votes: FAIL 1, PASS 1 (on_tie: unscored)"
    case = run(MajorityVoteJudge(on_tie=on_tie), *judges)
    assert scores_of(case) == [value]
    assert details(case)["tie"] == ["FAIL", "PASS"]


def test_one_judge_votes_several_times_with_a_seed_of_its_own_for_each() -> None:
    seen = judge("[[PASS]]")
    assert scores_of(run(MajorityVoteJudge(repeats=3), seen)) == [1]
    assert len({seed for _, seed in seen.calls}) == 3


def test_over_a_run_the_agreement_of_judges_is_reported() -> None:
    rows = [
        Score(
            metric_id="m",
            value=0,
            details={
                "verdicts": [{"judge": "j", "verdict": label, "worth": float(label == "PASS")} for label in labels]
            },
        )
        for labels in (["PASS", "PASS"], ["FAIL", "FAIL"], ["PASS", "FAIL"])
    ]
    for metric in (PanelOfJudges(), MajorityVoteJudge()):
        found = metric.aggregate(rows)
        assert found["raw_agreement"] == pytest.approx(2 / 3)
        assert found["krippendorff_alpha"] == pytest.approx(1 - 5 * 2 / 18)
    assert PanelOfJudges().aggregate([]) == {}


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (LLMRubric, {"rubric": ""}, "rubric: must be a text"),
        (LLMRubric, {"rubric_from": 3}, "rubric_from: must be a text"),
        (LLMRubric, {"judge": 3}, "judge: must be a text"),
        (LLMRubric, {"scale": ["PASS"]}, "scale: must be a list of two labels"),
        (LLMRubric, {"marker": "xml"}, "marker: must be brackets"),
        (LLMRubric, {"normalized": 1}, "normalized: must be true or false"),
        (PairwiseJudge, {"ties": "yes"}, "ties: must be true or false"),
        (PanelOfJudges, {"judges": "lab/1"}, "judges: must be a list"),
        (PanelOfJudges, {"judges": ["a", "a"]}, "judges: names a judge twice"),
        (PanelOfJudges, {"judges": ["a", "b"], "min_judges": 3}, "min_judges: must be a whole number from 1 to 2"),
        (PanelOfJudges, {"min_judges": True}, "min_judges: must be a whole number"),
        (MajorityVoteJudge, {"repeats": 0}, "repeats: must be a whole number from 1 to 100"),
        (MajorityVoteJudge, {"on_tie": "random"}, "on_tie: must be one of unscored, lowest, highest, mean"),
        (MajorityVoteJudge, {"scale": {"lowest": 1, "highest": 2}}, "scale: votes need labels"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(kind: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{re.escape(message)}"):
        kind(**arguments)


def test_arguments_are_identity() -> None:
    made = [LLMRubric(), LLMRubric("x"), LLMRubric(judge="j"), LLMRubric(scale=["A", "B"]), LLMRubric(normalized=False)]
    assert len({metric.fingerprint() for metric in made}) == len(made)
    assert LLMRubric().fingerprint() == LLMRubric(scale=["PASS", "FAIL"]).fingerprint()


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        ("builtin/llm_rubric", 1, "[[PASS]]"),
        ({"use": "builtin/llm_rubric", "with": {"scale": {"lowest": 1, "highest": 10}}}, 1, "[[10]]"),
        ({"use": "builtin/llm_rubric", "with": {"rubric_from": "metadata.rubric"}}, 1, "[[PASS]]"),
        ("builtin/panel_of_judges", 1, "[[PASS]]"),
        ("builtin/majority_vote_judge", 1, "[[PASS]]"),
        ("builtin/pairwise_judge", 0.5, "[[A]]"),
    ],
)
def test_the_demo_judge_answers_on_the_scale_that_is_asked_for(metric: Any, value: float, says: str) -> None:
    judges: Any = ["builtin/demo_judge", {"use": "builtin/demo_judge", "as": "lab/second"}]
    case = run(metric, *judges, samples=2, datasets=one_case(metadata={"rubric": "Be kind."}))
    assert scores_of(case) == [value]
    assert {response.raw_response for response in case.evaluation_executions[0].judge_responses} == {says}
