"""Verdicts of stored runs, by the shipped metrics and by those of others."""

import re
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment, workflow_with
from tests.support.lab import ScriptedGenerator, ScriptedParser, dataset
from themis.core.builtins.judged.llm_rubric import LLMRubric
from themis.core.builtins.judged.majority_vote_judge import MajorityVoteJudge
from themis.core.builtins.judged.pairwise_judge import PairwiseJudge
from themis.core.builtins.judged.panel_of_judges import PanelOfJudges
from themis.core.calibration.binding import bindings
from themis.core.calibration.verdicts import CaseVerdict, verdicts_of
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.stores import InMemoryRunStore
from themis.core.workflows import JudgeResponse, ParsedJudgment

RUBRIC = "It is right."


class Everything:
    """All that is wanted is measured."""

    def __contains__(self, key: object) -> bool:
        return True


def found(experiment: Experiment) -> list[CaseVerdict]:
    store = InMemoryRunStore()
    experiment.run(store=store)
    return list(verdicts_of(store, experiment.compile(), 0, Everything()))


def says(verdict: str) -> ScriptedJudge:
    return ScriptedJudge(lambda content: f"[[{verdict}]]", component_id=f"lab/{verdict}", fingerprint=verdict)


def one_case(**facts: Any) -> Dataset:
    return Dataset(dataset_id="lab", cases=[Case(case_id="q", input="Why?", **facts)])


def test_the_verdict_of_one_judge_has_the_length_of_what_it_was_shown() -> None:
    (one, *_) = found(judged_experiment([says("FAIL")], [LLMRubric(rubric=RUBRIC)], datasets=[one_case()]))
    assert (one.case_id, one.dataset_id, one.label, one.reason, one.length) == ("q", "lab", "FAIL", None, 4)
    parser = ScriptedParser(lambda text: {"a": 1}, component_id="lab/parser")
    experiment = judged_experiment([says("FAIL")], [LLMRubric(rubric=RUBRIC)], datasets=[one_case()], parser=parser)
    assert found(experiment)[0].length == len('{"a": 1}')


def test_several_judges_have_the_verdict_of_most_and_none_when_as_many_say_another() -> None:
    judges = [says("PASS"), says("FAIL"), ScriptedJudge(lambda _: "[[FAIL]]", component_id="lab/third")]
    panel = [PanelOfJudges(rubric=RUBRIC)]
    assert found(judged_experiment(judges, panel))[0].label == "FAIL"
    split = found(judged_experiment(judges[:2], panel))[0]
    assert (split.label, split.reason) == (None, "no_majority")
    vote = found(judged_experiment(judges, [MajorityVoteJudge(rubric=RUBRIC)]))[0]
    assert (vote.label, vote.repeats) == ("FAIL", [])
    tie = found(judged_experiment(judges[:2], [MajorityVoteJudge(rubric=RUBRIC)]))[0]
    assert (tie.label, tie.reason) == (None, "evaluation_failure")


def test_points_of_a_rubric_are_no_verdict() -> None:
    case = one_case(expected_output={"rubrics": ["It is kind.", "It is short."]})
    judge = ScriptedJudge(lambda _: '{"criteria_met": true}')
    (one,) = found(judged_experiment([judge], [LLMRubric()], datasets=[case]))
    assert (one.label, one.reason) == (None, "several_criteria")


def outputs(*texts: str) -> ScriptedGenerator:
    asked: list[str] = []

    def answer(case: Case, ctx: Any) -> str:
        asked.append(case.case_id)
        return texts[asked.count(case.case_id) - 1]

    return ScriptedGenerator(answer)


def longer(content: str) -> str:
    shown = re.findall(r"<answer-([AB])-[0-9a-f]+>\n(.*?)\n</", content, re.DOTALL)
    return f"[[{max(shown, key=lambda pair: len(pair[1]))[0]}]]"


def test_a_pair_is_named_by_its_candidates_in_whichever_order_they_were_shown() -> None:
    generator = outputs("short", "rather long")
    experiment = judged_experiment(
        [ScriptedJudge(longer)], [PairwiseJudge(rubric=RUBRIC)], generator=generator, samples=2, datasets=[one_case()]
    )
    (one,) = found(experiment)
    assert (one.label, one.winners, one.length) == ("B", [(1, 1)], 5 - 11)
    first = judged_experiment([says("A")], [PairwiseJudge(rubric=RUBRIC)], samples=2, datasets=[one_case()])
    (biased,) = found(first)
    assert (biased.label, biased.winners) == ("tie", [(0, 1)])


def test_of_several_pairs_there_is_no_one_verdict_and_all_orders() -> None:
    experiment = judged_experiment([says("A")], [PairwiseJudge(rubric=RUBRIC)], samples=3, datasets=[one_case()])
    (one,) = found(experiment)
    assert (one.label, one.reason, one.winners, one.length) == (None, "several_pairs", [(0, 1), (0, 1)], None)


def test_a_repaired_repeat_counts_as_it_was_repaired() -> None:
    asked: list[str] = []

    def script(content: str) -> str:
        asked.append(content)
        return "[[PASS]]" if "earlier-response" in content else "Hm." if len(asked) == 1 else "[[FAIL]]"

    metric = MajorityVoteJudge(rubric=RUBRIC, repeats=3)
    (one,) = found(judged_experiment([ScriptedJudge(script)], [metric], datasets=[one_case()]))
    assert [sorted(labels) for labels in one.repeats] == [["FAIL", "FAIL", "PASS"]]
    assert one.label == "FAIL"


def test_a_metric_of_somebody_else_is_read_by_the_label_of_its_judgment() -> None:
    labelled = workflow_with(parse_judgment=lambda call, response, ctx: ParsedJudgment(label="fine", score=1.0))
    assert found(judged_experiment([ScriptedJudge()], [ScriptedJudged(labelled)]))[0].label == "fine"
    without = found(judged_experiment([ScriptedJudge()], [ScriptedJudged()]))[0]
    assert (without.label, without.reason) == (None, "no_verdict")


def test_cases_that_no_judge_was_asked_about_say_why() -> None:
    failing = judged_experiment([says("PASS")], [LLMRubric(rubric=RUBRIC)], generator=outputs())
    assert {one.reason for one in found(failing)} == {"not_judged"}
    silent = judged_experiment(
        [says("PASS")],
        [ScriptedJudged()],
        parser=ScriptedParser(lambda _: None, component_id="lab/parser"),
        datasets=[one_case()],
    )
    assert [one.reason for one in found(silent)] == ["no_answer"]


def bound(judges: list[Any], metric: Any, **more: Any) -> Any:
    store, experiment = InMemoryRunStore(), judged_experiment(judges, [metric], datasets=[dataset(2)], **more)
    experiment.run(store=store)
    return bindings(store, experiment.compile(), [metric.component_id])[metric.component_id]


def served(version: str) -> ScriptedJudge:
    return ScriptedJudge(
        lambda _: JudgeResponse(judge_model_id="lab/judge", judge_model_version=version, raw_response="[[PASS]]")
    )


@pytest.mark.parametrize(
    ("judges", "metric", "more", "same"),
    [
        ([served("v1")], LLMRubric(rubric=RUBRIC), {}, True),
        ([served("v1"), says("FAIL")], LLMRubric(rubric=RUBRIC), {}, True),
        ([served("v1")], LLMRubric(rubric=RUBRIC), {"generator": outputs("other", "answers")}, True),
        ([served("v2")], LLMRubric(rubric=RUBRIC), {}, False),
        ([says("PASS")], LLMRubric(rubric=RUBRIC), {}, False),
        ([served("v1")], LLMRubric(rubric="It is short."), {}, False),
        ([served("v1")], LLMRubric(rubric=RUBRIC, marker={"words": "Grade"}), {}, False),
        ([served("v1")], LLMRubric(rubric=RUBRIC), {"workflow_overrides": {"rubric": "It is kind."}}, False),
    ],
)
def test_a_calibration_is_bound_to_judge_model_and_rubric(
    judges: list[Any], metric: Any, more: dict[str, Any], same: bool
) -> None:
    assert (bound(judges, metric, **more) == bound([served("v1")], LLMRubric(rubric=RUBRIC))) is same
