"""Rendering of a run's prompt for a case: a text, or the turns of a conversation."""

from typing import Any

from themis.core.base import JSONValue
from themis.core.models import Case
from themis.core.prompt_config import RunPrompt, Shot
from themis.core.prompting.template import render
from themis.core.text.canonical import canonical_json, content_hash

PROMPT_HASH = "prompt_sha256"
"""Artifact of a candidate: the hash of what was rendered for it."""

_TEMPLATE, _SYSTEM, _ANSWER = "generation.prompt.template", "generation.prompt.system", "few_shot.answer"


class Prompter:
    """Renders one prompt for the cases of a run; what depends on no case is rendered once."""

    def __init__(self, prompt: RunPrompt) -> None:
        """Prepare the examples of `prompt`.

        Raises:
            PromptError: a template cannot be rendered for one of them.
        """
        self._prompt = prompt
        self._shots = [_Rendered(prompt, shot) for shot in prompt.shots]

    def rendered(self, case: Case) -> JSONValue:
        """Return what a model is asked about a case: a text, or messages when there are others than the question.

        Raises:
            PromptError: a template cannot be rendered for the case; the message names the template.
        """
        prompt = self._prompt
        question = render(prompt.template, values_of(case.input, case), _TEMPLATE)
        shots = self._shots_for(case)
        if prompt.shots_as == "text":
            texts = [f"{shot.question}{shot.answer}" for shot in shots]
            question, shots = prompt.separator.join([*texts, question]), []
        if prompt.system is None and not shots:
            return question
        turns = [turn for shot in shots for turn in (_turn("user", shot.question), _turn("assistant", shot.answer))]
        if prompt.system is not None:
            turns.insert(0, _turn("system", render(prompt.system, values_of(case.input, case), _SYSTEM)))
        return [*turns, _turn("user", question)]

    def _shots_for(self, case: Case) -> list["_Rendered"]:
        if not self._shots:
            return []
        asked = canonical_json(case.input)
        return [shot for shot in self._shots if shot.asked != asked][: self._prompt.k]


class _Rendered:
    """An example as it is shown."""

    def __init__(self, prompt: RunPrompt, shot: Shot) -> None:
        self.asked = canonical_json(shot.input)
        self.question = render(prompt.template, values_of(shot.input, None), _TEMPLATE)
        values = {**values_of(shot.input, None), "expected_output": shot.expected_output}
        self.answer = render(prompt.answer, values, _ANSWER)


def values_of(value: JSONValue, case: Case | None) -> dict[str, Any]:
    """Return the names that a template knows: `input`, the keys of an input that is an object, `case_id`, `metadata`.

    The expected output is not among them: a prompt must not tell it.
    """
    own: dict[str, Any] = value if isinstance(value, dict) else {}
    about = {} if case is None else {"case_id": case.case_id, "metadata": case.metadata}
    return {**own, **about, "input": value}


def prompt_hash(rendered: JSONValue) -> str:
    """Return the SHA-256 of what was rendered, as 64 hex digits."""
    return content_hash(rendered)


def _turn(role: str, content: str) -> dict[str, JSONValue]:
    return {"role": role, "content": content}
