"""Prompts of cases: system messages, examples as turns and as text, and never the case itself as an example."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import FewShotConfig, PromptConfig
from themis.core.prompting.few_shot import prepared
from themis.core.prompting.rendering import Prompter

POOL = "question,answer\n" + "".join(f"q{number},a{number}\n" for number in range(20))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(POOL)
    return path


def rendered(config: PromptConfig, case: Case) -> Any:
    return Prompter(prepared(config)).rendered(case)


def few_shot(pool: Path, **more: Any) -> FewShotConfig:
    fields = {"input": "question", "expected_output": "answer"}
    return FewShotConfig.model_validate({"path": str(pool), "fields": fields, "k": 2, **more})


CASE = Case(case_id="c", input="why?", expected_output="SECRET", metadata={"subject": "math"})


def test_a_question_alone_is_a_text() -> None:
    config = PromptConfig(template="{{ metadata.subject }} {{ case_id }}: {{ input }}")
    assert rendered(config, CASE) == "math c: why?"


def test_the_keys_of_an_object_are_names_of_their_own() -> None:
    case = Case(case_id="c", input={"question": "why?", "choices": ["x", "y"]})
    config = PromptConfig(template="{{ question }} {{ choices[1] }} {{ input.choices|length }}")
    assert rendered(config, case) == "why? y 2"


def test_a_system_message_makes_it_a_conversation() -> None:
    config = PromptConfig(system="Answer {{ metadata.subject }}.", template="{{ input }}")
    assert rendered(config, CASE) == [
        {"role": "system", "content": "Answer math."},
        {"role": "user", "content": "why?"},
    ]


def test_a_prompt_cannot_tell_the_expected_output() -> None:
    for name in ("system", "template"):
        with pytest.raises(PromptError, match="'expected_output' is undefined"):
            rendered(PromptConfig.model_validate({name: "{{ expected_output }}"}), CASE)


def test_examples_are_turns_or_one_text(pool: Path) -> None:
    turns = rendered(PromptConfig(template="Q: {{ input }}", few_shot=few_shot(pool)), CASE)
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("user", "Q: q0"),
        ("assistant", "a0"),
        ("user", "Q: q1"),
        ("assistant", "a1"),
        ("user", "Q: why?"),
    ]
    as_text = few_shot(pool, **{"as": "text", "answer": " {{ expected_output }}.", "separator": "\n--\n"})
    introduced = as_text.model_copy(update={"introduction": "Sums like {{ input }}"})
    config = PromptConfig(template="Q: {{ input }}\nA:", few_shot=introduced)
    plain = rendered(PromptConfig(template="Q: {{ input }}\nA:", few_shot=as_text), CASE)
    assert rendered(config, CASE) == f"Sums like {CASE.input}\n--\n{plain}"
    with pytest.raises(ValidationError, match="`introduction` is for `as: text`"):
        few_shot(pool, introduction="Sums")
    assert rendered(PromptConfig(template="Q: {{ input }}\nA:", few_shot=as_text), CASE) == (
        "Q: q0\nA: a0.\n--\nQ: q1\nA: a1.\n--\nQ: why?\nA:"
    )


def test_the_case_itself_is_never_an_example(pool: Path) -> None:
    for seed in (None, 1, 2, 3):
        config = PromptConfig(few_shot=few_shot(pool, k=19, seed=seed))
        for number in range(20):
            turns = rendered(config, Case(case_id="x", input=f"q{number}"))
            asked = [turn["content"] for turn in turns if turn["role"] == "user"]
            assert asked.count(f"q{number}") == 1
            assert asked[-1] == f"q{number}"
            assert len(set(asked)) == 20, "there is one to spare"


def test_a_seed_draws_others_and_the_same_again(pool: Path) -> None:
    drawn = {seed: rendered(PromptConfig(few_shot=few_shot(pool, seed=seed)), CASE)[0]["content"] for seed in range(30)}
    assert len(set(drawn.values())) > 10
    assert drawn == {
        seed: rendered(PromptConfig(few_shot=few_shot(pool, seed=seed)), CASE)[0]["content"] for seed in range(30)
    }
    assert drawn[7] == "q3"


def test_repeated_examples_count_once(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("question,answer\n" + "q0,a0\n" * 50 + "q1,a1\n")
    for seed in (None, 4):
        turns = rendered(PromptConfig(few_shot=few_shot(path, seed=seed)), CASE)
        assert sorted(turn["content"] for turn in turns[:-1] if turn["role"] == "user") == ["q0", "q1"]
        with pytest.raises(PromptError, match=r"k is 3, and .*train.csv has 2 different examples"):
            prepared(PromptConfig(few_shot=few_shot(path, k=3, seed=seed)))


def test_an_example_needs_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("question,answer\nq0,\nq1,a1\n")
    with pytest.raises(PromptError, match=r"example 'case-1' of .*train.csv has no expected output"):
        prepared(PromptConfig(few_shot=few_shot(path)))
