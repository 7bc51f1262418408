"""What can be the name or a label of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.text.run_names import checked_labels, checked_name, labels_in, labels_text, usual_name


@pytest.mark.parametrize(
    "name", ["a", "gpt-5.4-mini on gsm8k", "Ünïcode", "0123abcd", "x" * 200, "runs:all", "my.yaml.2"]
)
def test_nearly_every_text_can_be_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "1 to 200 printable"),
        ("x" * 201, "1 to 200 printable"),
        (" a", "blanks"),
        ("a\nb", "printable"),
        ("a\x1b[31m", "printable"),
        ("meta/llama", "has no /"),
        ("best.yaml", "does not end in .yaml, .yml, .toml"),
        ("best.toml", "does not end in"),
        ("run:a", "does not begin with run:, job:, name:, group:"),
        ("group:a", "does not begin with"),
    ],
)
def test_a_name_that_a_command_would_take_for_something_else_is_refused(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checked_name(name)


@given(st.text(), st.lists(st.text(), max_size=5))
def test_the_usual_name_is_a_name_whatever_the_ids_are(model: str, datasets: list[str]) -> None:
    name = checked_name(usual_name(model, tuple(datasets)))
    assert not set(name) & set(" '\"$`\\;&|<>*?()[]{}!#~"), "no shell reads anything into it"


def test_the_usual_name_has_the_last_part_of_the_model_and_the_first_datasets() -> None:
    assert usual_name("builtin/demo_generator", ("sample",)) == "demo_generator-on-sample"
    assert usual_name("Qwen/Qwen3-8B", ("openai/gsm8k:main:test",)) == "Qwen3-8B-on-gsm8k-main-test"
    assert usual_name("m", ("a", "b", "c", "d")) == "m-on-a+b+2-more"


@pytest.mark.parametrize("labels", [{}, {"team": "x"}, {"b": '"a":"c"', "a": "ü"}])
def test_labels_are_kept_as_a_text_and_read_again(labels: dict[str, str]) -> None:
    assert labels_in(labels_text(checked_labels(labels))) == labels


def test_what_is_no_label_is_refused() -> None:
    for labels in ({"a.b": "c"}, {"": "c"}, {"-a": "c"}, {"a": ""}, {"a": "b\n"}, {"a" * 65: "b"}):
        with pytest.raises(ValueError, match="label"):
            checked_labels(labels)
    with pytest.raises(ValueError, match="33 labels are more than 32"):
        checked_labels({f"a{number}": "b" for number in range(33)})


def test_labels_that_cannot_be_read_are_none() -> None:
    assert labels_in("{") == labels_in("[1]") == labels_in(None) == {}
