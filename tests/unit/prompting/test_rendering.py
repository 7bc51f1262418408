"""Prompts of cases: system messages, examples as turns and as text, and never the case itself as an example."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from themis.core.errors import DatasetError, PromptError
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


def of_subjects(folder: Path, **more: Any) -> PromptConfig:
    path = folder / "dev.csv"
    rows = [f"q{number},a{number},{('law', 'math')[number % 2]}\n" for number in range(8)]
    path.write_text("question,answer,subject\n" + "".join(rows) + "q9,a9,rare\n")
    fields = {"input": "question", "expected_output": "answer", "metadata": ["subject"]}
    return PromptConfig.model_validate(
        {"few_shot": {"path": str(path), "fields": fields, "same": "subject", "k": 3, **more}}
    )


def asked_before(config: PromptConfig, case: Case) -> list[str]:
    return [turn["content"] for turn in rendered(config, case)[:-1] if turn["role"] == "user"]


def test_examples_share_a_label_with_the_question(tmp_path: Path) -> None:
    config = of_subjects(tmp_path)
    assert asked_before(config, CASE) == ["q1", "q3", "q5"]
    law = CASE.model_copy(update={"metadata": {"subject": "law"}})
    assert asked_before(config, law) == ["q0", "q2", "q4"]
    assert asked_before(config, law.model_copy(update={"input": "q2"})) == ["q0", "q4", "q6"], "one to spare for each"
    drawn = {tuple(asked_before(of_subjects(tmp_path, seed=seed), law)) for seed in range(9)}
    assert len(drawn) > 2
    assert all(set(one) <= {"q0", "q2", "q4", "q6"} for one in drawn)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"subject": "rare"}, "case 'c': k is 3, and there are 1 examples whose subject is 'rare'"),
        ({"subject": "art"}, "case 'c': k is 3, and there are 0 examples whose subject is 'art'"),
        ({}, "case 'c' has no label 'subject'"),
    ],
)
def test_a_question_without_examples_of_its_label_is_an_error(
    tmp_path: Path, metadata: dict[str, str], words: str
) -> None:
    with pytest.raises(PromptError, match=rf"generation\.prompt\.few_shot\.same: {words}"):
        rendered(of_subjects(tmp_path), CASE.model_copy(update={"metadata": metadata}))


def test_examples_that_lack_the_label_or_are_too_few_or_too_many_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"example 'case-1' of .*dev.csv has no label 'topic'; name it in `fields"):
        prepared(of_subjects(tmp_path, same="topic"))
    with pytest.raises(PromptError, match=r"k is 5, and .*dev.csv has 4 different examples"):
        prepared(of_subjects(tmp_path, k=5))
    many = of_subjects(tmp_path, k=999)
    (tmp_path / "dev.csv").write_text("question,answer,subject\n" + "".join(f"q,a,s{n}\n" for n in range(11)))
    with pytest.raises(PromptError, match="has 11 values of the label 'subject' or more: too many for k 999"):
        prepared(many)


def test_a_prompt_keeps_the_label_and_one_without_is_written_as_before(tmp_path: Path, pool: Path) -> None:
    kept = prepared(of_subjects(tmp_path)).model_dump(mode="json")
    assert kept["same"] == "subject"
    assert {shot["group"] for shot in kept["shots"]} == {"law", "math", "rare"}
    plain = prepared(PromptConfig(few_shot=few_shot(pool))).model_dump(mode="json")
    assert "same" not in plain
    assert set(plain["shots"][0]) == {"input", "expected_output"}


def test_the_choices_of_examples_in_a_file_are_read_as_they_are_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"q": "0 + 1?", "c": ["1", "2"], "a": 0}\n{"q": "1 + 1?", "c": ["1", "2"], "a": 1}\n')
    fields = {"input": "q", "choices": "c", "answer": "a"}
    shown: dict[str, Any] = {"path": str(path), "fields": fields, "k": 2, "choices": {"answer_as": "index"}}
    turns = rendered(PromptConfig.model_validate({"few_shot": shown}), CASE)
    assert [turn["content"] for turn in turns if turn["role"] == "assistant"] == ["A", "B"]
    del shown["choices"]
    with pytest.raises(DatasetError, match="may be the index or the text of a choice"):
        rendered(PromptConfig.model_validate({"few_shot": shown}), CASE)
