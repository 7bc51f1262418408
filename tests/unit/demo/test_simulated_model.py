"""The model that is none."""

import asyncio
import time
from typing import Any

import pytest

from themis.core.builtins.metrics.math_equivalence import same_answer
from themis.core.builtins.parsers.math_answer import MathAnswer
from themis.core.contexts import GenerateContext, ParseContext
from themis.core.models import Case, GenerationResult, ReducedCandidate
from themis.demo.problems import Problem, make_problems
from themis.demo.simulated_model import SimulatedModel

PROBLEMS = list(make_problems(400, 7))


def case_of(problem: Problem) -> Case:
    return Case(
        case_id=problem.case_id,
        input=problem.question,
        expected_output=problem.answer,
        metadata={"working": "\n".join(problem.working)},
    )


def generate(model: SimulatedModel, case: Case, seed: int | None = 1) -> GenerationResult:
    return asyncio.run(model.generate(case, GenerateContext(run_id="r", case_id=case.case_id, seed=seed)))


def answer(solution: Any) -> Any:
    candidate = ReducedCandidate(candidate_id="c", source_candidate_ids=[], final_output=solution)
    return MathAnswer().parse(candidate, ParseContext(run_id="r", case_id="a")).value


def right(model: SimulatedModel, problem: Problem) -> bool:
    value = answer(generate(model, case_of(problem)).final_output)
    return value is not None and same_answer(value, problem.answer)


def test_a_perfect_model_writes_the_working_and_the_answer() -> None:
    for problem in PROBLEMS[:50]:
        solution = generate(SimulatedModel("m", 1.0), case_of(problem)).final_output
        assert solution == "\n".join([*problem.working, f"A: {problem.answer}"])


@pytest.mark.not_smoke
def test_more_skill_gets_more_right() -> None:
    shares = [sum(right(SimulatedModel("m", skill), problem) for problem in PROBLEMS[:120]) for skill in (0, 0.5, 0.9)]
    assert 0 < shares[0] < shares[1] < shares[2] < 120


def test_longer_problems_go_wrong_more_often() -> None:
    model = SimulatedModel("m", 0.5)

    def share(few: int, many: int) -> float:
        chosen = [problem for problem in PROBLEMS if few <= problem.steps <= many]
        return sum(right(model, problem) for problem in chosen) / len(chosen)

    assert share(1, 2) > share(3, 4) > share(5, 9)


def test_now_and_then_it_gives_no_answer_at_all() -> None:
    values = [answer(generate(SimulatedModel("m", 0.0), case_of(problem)).final_output) for problem in PROBLEMS[:150]]
    assert 0 < values.count(None) < 30


def test_what_it_says_follows_from_seed_case_and_candidate_alone() -> None:
    cases = [case_of(problem) for problem in PROBLEMS[:60]]

    def said(model: SimulatedModel, seed: int | None) -> list[GenerationResult]:
        return [generate(model, case, seed) for case in cases]

    first = said(SimulatedModel("m", 0.3, 5), 1)
    assert said(SimulatedModel("m", 0.3, 5), 1) == first
    assert said(SimulatedModel("m", 0.3, 6), 1) != first
    assert said(SimulatedModel("m", 0.3, 5), 2) != first
    assert said(SimulatedModel("n", 0.3, 5), 1) != first


def test_a_wrong_step_is_carried_on_to_the_answer() -> None:
    case = Case(case_id="a", input="q", expected_output="26", metadata={"working": "6 * 4 = 24\n24 + 2 = 26"})
    for seed in range(50):
        *steps, last = str(generate(SimulatedModel("m", 0.0), case, seed).final_output).split("\n")
        assert steps[1].split()[0] == steps[0].split()[-1]
        assert last in {f"A: {steps[1].split()[-1]}", "A:"}


def test_a_case_without_working_is_answered_too() -> None:
    case = Case(case_id="a", input="q", expected_output="yes")
    assert generate(SimulatedModel("m", 1.0), case).final_output == "A: yes"
    said = {generate(SimulatedModel("m", 0.0), case, seed).final_output for seed in range(60)}
    assert said == {"A: yes", "A: unknown", "A:"}


@pytest.mark.slow
@pytest.mark.not_smoke
def test_the_first_try_may_time_out_and_the_second_succeeds() -> None:
    model, calm = SimulatedModel("m", 0.9, failure_rate=0.1), SimulatedModel("m", 0.9)
    failed = 0
    for problem in PROBLEMS:
        try:
            generate(model, case_of(problem))
        except TimeoutError:
            failed += 1
        assert generate(model, case_of(problem)) == generate(calm, case_of(problem))
    assert 10 < failed < 90


def test_it_takes_its_time_when_told_to() -> None:
    started = time.monotonic()
    result = generate(SimulatedModel("m", 1.0, latency_ms=40), case_of(PROBLEMS[0]))
    assert time.monotonic() - started >= 0.019
    assert result.latency_ms is not None
    assert 20 <= result.latency_ms <= 60


def test_the_fingerprint_follows_what_decides_the_answers() -> None:
    first = SimulatedModel("m", 0.5, 1).fingerprint()
    assert SimulatedModel("m", 0.5, 1, latency_ms=9, failure_rate=0.5).fingerprint() == first
    others = {SimulatedModel(*arguments).fingerprint() for arguments in (("n", 0.5, 1), ("m", 0.6, 1), ("m", 0.5, 2))}
    assert first not in others
    assert len(others) == 3


@pytest.mark.parametrize(
    "arguments", [{"skill": 1.1}, {"skill": 0.5, "failure_rate": -1}, {"skill": 0.5, "latency_ms": -1}]
)
def test_impossible_arguments_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be (between 0 and 1|at least 0), not"):
        SimulatedModel("m", **arguments)  # type: ignore[arg-type]
