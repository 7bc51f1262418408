"""Continuations of a case: the context that a model is given, and the texts whose log-likelihoods are asked for."""

import string
from typing import Any, NoReturn

from themis.core.dataset_config import CHOICES
from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import RunPrompt

DEFAULT_CONTINUATION = " {{ choice }}"
"""Template of a continuation: a blank and the choice, as the context is usually a text that ends without one."""

_WHERE = "generation.continuation"
_LETTERS = string.ascii_uppercase


class ContinuationPrompter:
    """Makes of the cases of a run the contexts and continuations that a generator is asked about."""

    def __init__(self, template: str, prompt: RunPrompt | None) -> None:
        """Prepare a template of continuations, and the templates of the context, if there are any.

        Raises:
            PromptError: a template cannot be rendered for an example.
        """
        self._template = template
        self._prompter: Any = None
        if prompt is not None:
            from themis.core.prompting.rendering import Prompter  # noqa: PLC0415  # Jinja2 costs 30 ms

            self._prompter = Prompter(prompt)

    def context(self, case: Case) -> Case:
        """Return the case that a generator gets: its input is the context, without the choices.

        Raises:
            PromptError: a template cannot be rendered for the case.
        """
        if self._prompter is not None:
            return case.model_copy(update={"input": self._prompter.rendered(case)})
        if choices_of(case) is None:
            return case
        question = case.input.get("question") if isinstance(case.input, dict) else None
        if question is None:
            detail = f"the input of case {case.case_id!r} has choices and no question; write the context as a template"
            raise PromptError(where="generation.prompt", detail=detail)
        return case.model_copy(update={"input": question})

    def continuations(self, case: Case) -> list[str]:
        """Return the continuations of a case, one for each choice; without choices the expected output is the only one.

        Raises:
            PromptError: there are none, the template cannot be rendered for one, or one is empty.
        """
        choices = choices_of(case)
        if choices is not None:
            texts = [self._text(case, choice, number) for number, choice in enumerate(choices)]
        else:
            expected = case.expected_output
            texts = [self._text(case, expected if isinstance(expected, str) else None, 0)]
        if "" in texts:
            _refuse(f"case {case.case_id!r}: continuation {texts.index('') + 1} is empty")
        return texts

    def _text(self, case: Case, choice: str | None, number: int) -> str:
        if self._template == DEFAULT_CONTINUATION:
            if choice is None:
                _refuse(f"case {case.case_id!r} has neither choices nor a text as its expected output")
            return f" {choice}"
        from themis.core.prompting.rendering import values_of  # noqa: PLC0415  # Jinja2 costs 30 ms
        from themis.core.prompting.template import render  # noqa: PLC0415

        values = values_of(case.input, case)
        if choice is not None:
            values |= {"choice": choice, "letter": letter_of(number)}
        return render(self._template, values, _WHERE)


def choices_of(case: Case) -> list[str] | None:
    """Return the choices of a case, a list of texts and numbers in its input; None when it has none."""
    found: Any = case.input.get(CHOICES) if isinstance(case.input, dict) else None
    if not isinstance(found, list) or not found or not {str, int, float}.issuperset(map(type, found)):
        return None
    return [str(choice) for choice in found]


def letter_of(number: int) -> str:
    """Return the letter of a choice by its number, from 0; the number itself beyond 26."""
    return _LETTERS[number] if number < len(_LETTERS) else str(number)


def _refuse(detail: str) -> NoReturn:
    raise PromptError(where=_WHERE, detail=detail)
