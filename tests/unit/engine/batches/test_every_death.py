"""Deaths at every step of a run through batches: no question is asked twice, and none is lost."""

from collections import Counter
from typing import Any

import pytest

from tests.support.batch_provider import NOT_ASKED, BatchModel, Endpoint, Killed, MortalStore, Remote, Steps, failure
from tests.support.lab import cases, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine.batches import questions
from themis.core.models import Dataset
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore
from themis.core.values.batch import BatchConfig

CASES = 7
MOST_LINES = 4  # so that there are two batches
SEED_OF = {True: "like OpenAI", False: "like Anthropic"}


def says(question: str) -> Any:
    """One question is refused, one expires, and the others are answered."""
    case = question.partition("/")[0]
    return {"a1": failure(passes=False), "a5": NOT_ASKED}.get(case, f"text of {case}")


def attempt(remote: Remote, store: InMemoryRunStore, steps: Steps, *, like_openai: bool) -> RunResult | None:
    """The result of one process's run; None when it died."""
    model = BatchModel(Endpoint(remote, steps, like_openai=like_openai))
    runtime = RuntimeConfig(batch=BatchConfig(after=0.001, poll=0.001))
    lab = experiment(model, runtime=runtime, datasets=[Dataset(dataset_id="lab", cases=cases(CASES))])
    try:
        return lab.run(store=MortalStore(store, steps))
    except Killed:
        return None


def answers(result: RunResult) -> dict[str, Any]:
    """What each case has."""
    return {
        case.case_id: case.generated_candidates[0].final_output if case.generated_candidates else None
        for case in result.cases
    }


EXPECTED = {f"q{no}": f"text of a{no}" for no in range(CASES)} | {"q1": None}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_LINES", MOST_LINES)


def check(remote: Remote, result: RunResult | None, *, singles: int = 1) -> None:
    """All of it is there, and no question was in two batches; one was asked by itself, by so many processes."""
    assert result is not None
    found = answers(result)
    assert found.pop("q5").startswith("single of a5")
    assert found == {name: text for name, text in EXPECTED.items() if name != "q5"}
    assert [question.partition("/")[0] for question in remote.singles] == ["a5"] * singles
    asked = Counter(question.partition("/")[0] for question in remote.asked.elements())
    assert asked == Counter(f"a{no}" for no in range(CASES) if no != 5)
    assert len(remote.batches) == 2


def steps_of_a_calm_run(*, like_openai: bool) -> list[str]:
    remote, steps = Remote(says), Steps()
    check(remote, attempt(remote, InMemoryRunStore(), steps, like_openai=like_openai))
    return steps.names


@pytest.mark.parametrize("like_openai", [True, False], ids=SEED_OF.get)
def test_a_calm_run_takes_these_steps(*, like_openai: bool) -> None:
    names = steps_of_a_calm_run(like_openai=like_openai)
    once = ["save_batch", "upload", "save_batch", "create", "save_batch"]
    submitted = once if like_openai else ["save_batch", "create", "save_batch"]
    assert names[2 : 2 + 2 * len(submitted)] == submitted * 2
    assert {"look", "results", "append", "single", "end_run"} <= set(names)


@pytest.mark.few(2)
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 7])
@pytest.mark.parametrize("like_openai", [True, False], ids=SEED_OF.get)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_step_asks_no_question_twice_and_loses_none(
    *, like_openai: bool, after: bool, stride: int
) -> None:
    names = steps_of_a_calm_run(like_openai=like_openai)
    for at, name in list(enumerate(names, 1))[2 * after + like_openai if stride > 1 else 0 :: stride]:
        remote, store = Remote(says), InMemoryRunStore()
        died = attempt(remote, store, Steps(at, after), like_openai=like_openai)
        assert died is None, (at, name)
        begun = len(remote.singles)  # an answer to a single request that was not stored is asked for again, as ever
        is_stored = bool(store.outcomes_between(store.list_runs()[0].run_id, 5, 6)) if begun else False
        result = attempt(remote, store, Steps(), like_openai=like_openai)
        check(remote, result, singles=1 if is_stored else begun + 1)


@pytest.mark.slow
@pytest.mark.parametrize("like_openai", [True, False], ids=SEED_OF.get)
def test_two_deaths_in_a_row_are_no_worse(*, like_openai: bool) -> None:
    names = steps_of_a_calm_run(like_openai=like_openai)
    tried = 0
    for first in range(3, len(names), 4):
        for second in range(2, 12, 3):
            remote, store = Remote(says), InMemoryRunStore()
            attempt(remote, store, Steps(first, after=True), like_openai=like_openai)
            attempt(remote, store, Steps(second, after=True), like_openai=like_openai)
            if not remote.singles:
                check(remote, attempt(remote, store, Steps(), like_openai=like_openai))
                tried += 1
    assert tried > 10
