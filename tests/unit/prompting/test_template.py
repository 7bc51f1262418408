"""Templates of prompts: what they can say, and what they cannot do."""

import time
from typing import Any

import pytest

from themis.core.errors import PromptError
from themis.core.prompting.template import render

VALUES: dict[str, Any] = {"input": "why?", "choices": ["Rome", "Bern"], "n": 3, "none": None, "nested": {"a": [1, "é"]}}


def refusal(source: str) -> str:
    with pytest.raises(PromptError) as caught:
        render(source, VALUES, "generation.prompt.template")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ input }}", "why?"),
        ("Q: {{ input }}\nA:", "Q: why?\nA:"),
        (
            "{% for letter, choice in choices|lettered %}\n{{ letter }}. {{ choice }}\n{% endfor %}",
            "A. Rome\nB. Bern\n",
        ),
        ("{% for choice in choices %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}", "1, 2"),
        ("{% if n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{{ choices|join(' or ') }}, {{ n * 2 + 1 }}", "Rome or Bern, 7"),
        ("{{ nested }} {{ nested.a[1]|upper }} {{ choices|length }}", '{"a": [1, "é"]} É 2'),
        ("{{ none }}{{ none|default('x', true) }}", "x"),
        ("{{ input.strip('?') ~ '!' }}{{ input|replace('w', 'W') }}", "why!Why?"),
        ("<b>{{ '<&>' }}</b>", "<b><&></b>"),
        ("{# a remark #}plain { text } with % signs", "plain { text } with % signs"),
        ("{% set x = n + 1 %}{{ x }}", "4"),
    ],
)
def test_a_template_says_what_it_is_told(source: str, text: str) -> None:
    assert render(source, VALUES, "template") == text


@pytest.mark.few(8)
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ questoin }}", "'questoin' is undefined"),
        ("{{ nested.b }}", "has no attribute 'b'"),
        ("\n{{ input", "generation.prompt.template, line 2: "),
        ("{% for x in choices %}", "Unexpected end of template"),
        ("{{ input|nofilter }}", "No filter named 'nofilter'"),
        ("{% include 'x' %}", "no loader"),
        ("{{ n / 0 }}", "division by zero"),
        ("{{ input.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.format }}", "unsafe"),
        ("{{ '{:>999999999}'.format(1) }}", "unsafe"),
        ("{{ input.rjust(10) }}", "unsafe"),
        ("{{ choices.append(1) }}", "unsafe"),
        ("{{ 'x' * 1000000000 }}", "'*' is for numbers"),
        ("{{ [0] * 1000000000 }}", "'*' is for numbers"),
        ("{{ 9 ** 9 ** 9 }}", "'**' is not for templates"),
        ("{{ range(100000000) }}", "Range too big"),
        ("{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}", "more than 10,000 rounds"),
        ("{% set x = 'x' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}", "longer than 10 MiB"),
        ("{% set x = 'x' %}" + "{% set x = x + x %}" * 60 + "{{ x }}", "longer than 10 MiB"),
        ("{% set x = 'xx' %}" + "{% set x = x|replace('x', x) %}" * 60 + "{{ x }}", "longer than 10 MiB"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("{% for x in choices recursive %}{{ loop(choices) }}{% endfor %}", ""),
    ],
)
def test_a_mistake_or_an_attack_is_one_line_and_soon_over(source: str, words: str) -> None:
    began = time.process_time()
    assert words in refusal(source)
    assert time.process_time() - began < 5
