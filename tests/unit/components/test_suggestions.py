"""What is suggested in place of a component that there is not."""

import pytest

from themis.core.builtins import BUILTINS_BY_KIND
from themis.core.components.suggestions import component_hint


@pytest.mark.parametrize(
    ("use", "hint"),
    [
        ("builtin/openai", '; did you mean "openai"?'),
        ("openia", '; did you mean "openai"?'),
        ("builtin/demo_genrator", '; did you mean "builtin/demo_generator"?'),
        ("openai/gpt-5.4-mini", "; write {use: openai, with: {model_id: gpt-5.4-mini}}"),
    ],
)
def test_a_generator_is_suggested_for_a_generator(use: str, hint: str) -> None:
    assert component_hint(use, "generator") == hint
    assert component_hint(use, "judge") == hint


@pytest.mark.parametrize("parser", BUILTINS_BY_KIND["parser"])
def test_a_parser_is_never_suggested_for_a_generator(parser: str) -> None:
    hint = component_hint(f"{parser}s", "generator")
    assert not any(f'"{other}"' in hint for other in BUILTINS_BY_KIND["parser"])
    assert f'"{parser}"' in component_hint(f"{parser}s", "parser")


def test_without_anything_near_the_ways_to_name_a_model_are_said() -> None:
    assert "{use: openai, with: {model_id: NAME}}" in component_hint("gpt-5.4-mini", "generator")
    assert component_hint("gpt-5.4-mini", "metric") == ""


def test_plug_ins_are_suggested_for_every_kind() -> None:
    assert component_hint("mylab/exat", "metric", ["mylab/exact"]) == '; did you mean "mylab/exact"?'
