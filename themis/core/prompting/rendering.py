"""Rendering of a run's prompt for a case: a text, or the turns of a conversation."""

from typing import Any

from themis.core.base import JSONValue
from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import INPUT_ALONE, PartConfig, RunPrompt, Shot, TurnConfig
from themis.core.prompting.chat_templates import as_one_text
from themis.core.prompting.media_parts import MediaFinder, references_in
from themis.core.prompting.template import render
from themis.core.text.canonical import canonical_json, content_hash
from themis.core.values.conversations import is_conversation

Turn = dict[str, JSONValue]

PROMPT_HASH = "prompt_sha256"
"""Artifact of a candidate: the hash of what was rendered for it."""

_TEMPLATE, _SYSTEM, _ANSWER = "generation.prompt.template", "generation.prompt.system", "few_shot.answer"
_INTRODUCTION = "few_shot.introduction"
_SAME = "generation.prompt.few_shot.same"


class Prompter:
    """Renders one prompt for the cases of a run; what depends on no case is rendered once."""

    def __init__(self, prompt: RunPrompt, finder: MediaFinder | None = None) -> None:
        """Prepare the examples of `prompt`; `finder` finds the files that it names.

        Raises:
            PromptError: a template cannot be rendered for one of them.
        """
        self._prompt = prompt
        self._finder = finder or MediaFinder(None)
        self._shots = [_Rendered(prompt, shot, self._finder) for shot in prompt.shots]

    def rendered(self, case: Case) -> JSONValue:
        """Return what a model is asked about a case: a text, or messages when there is more than the question's text.

        Raises:
            PromptError: a template cannot be rendered for the case, or names a file that is not there; the message
                names the template.
        """
        prompt = self._prompt
        question = self._question(case)
        shots = self._shots_for(case)
        if prompt.shots_as == "text":
            texts = [f"{_text_of(shot.question)}{shot.answer}" for shot in shots]
            if texts and prompt.introduction is not None:
                texts.insert(0, render(prompt.introduction, values_of(case.input, case), _INTRODUCTION))
            if texts:
                question, shots = [_turn("user", prompt.separator.join([*texts, _text_of(question)]))], []
        is_text = prompt.system is None and not shots and question is not case.input and _is_text(question)
        if is_text and prompt.chat_template is None:
            return _text_of(question)
        turns = [turn for shot in shots for turn in (*shot.question, _turn("assistant", shot.answer))]
        if prompt.system is not None:
            turns.insert(0, _turn("system", render(prompt.system, values_of(case.input, case), _SYSTEM)))
        turns += question
        if prompt.chat_template is not None:
            return as_one_text(turns, prompt.chat_template, prompt.chat_values)
        found: list[JSONValue] = [*turns]
        references_in(found)
        return found

    def _question(self, case: Case) -> list[Turn]:
        if self._prompt.template == INPUT_ALONE and is_conversation(case.input):
            return case.input
        return _question_of(self._prompt, values_of(case.input, case), self._finder)

    def _shots_for(self, case: Case) -> list["_Rendered"]:
        if not self._shots:
            return []
        fitting = self._shots if self._prompt.same is None else self._of_the_same(self._prompt.same, case)
        asked = canonical_json(case.input)
        return [shot for shot in fitting if shot.asked != asked][: self._prompt.k]

    def _of_the_same(self, label: str, case: Case) -> list["_Rendered"]:
        """Return the examples that have the case's value of a label."""
        if label not in case.metadata:
            raise PromptError(where=_SAME, detail=f"case {case.case_id!r} has no label {label!r}")
        value = case.metadata[label]
        found = [shot for shot in self._shots if shot.group == value]
        if len(found) < self._prompt.k:
            detail = f"k is {self._prompt.k}, and there are {len(found)} examples whose {label} is {value!r}"
            raise PromptError(where=_SAME, detail=f"case {case.case_id!r}: {detail}")
        return found


class _Rendered:
    """An example as it is shown."""

    def __init__(self, prompt: RunPrompt, shot: Shot, finder: MediaFinder) -> None:
        self.asked = canonical_json(shot.input)
        self.group = shot.group
        self.question = _question_of(prompt, values_of(shot.input, None), finder)
        values = {**values_of(shot.input, None), "expected_output": shot.expected_output}
        self.answer = render(prompt.answer, values, _ANSWER)


def _question_of(prompt: RunPrompt, values: dict[str, Any], finder: MediaFinder) -> list[Turn]:
    """Return the turns of a question."""
    template = prompt.template
    if isinstance(template, str):
        return [_turn("user", render(template, values, _TEMPLATE))]
    turns = [part for part in template if isinstance(part, TurnConfig)]
    if not turns:
        return [_turn("user", _content([part for part in template if isinstance(part, PartConfig)], values, finder))]
    return [
        _turn(
            turn.role,
            render(turn.content, values, _TEMPLATE)
            if isinstance(turn.content, str)
            else _content(turn.content, values, finder),
        )
        for turn in turns
    ]


def _content(parts: list[PartConfig], values: dict[str, Any], finder: MediaFinder) -> list[JSONValue]:
    found: list[JSONValue] = []
    for part in parts:
        if part.text is not None:
            found.append({"type": "text", "text": render(part.text, values, _TEMPLATE)})
            continue
        kind, template = ("image", part.image) if part.image is not None else ("file", part.file or "")
        found.append(finder.part(kind, render(template, values, _TEMPLATE), template))
    return found


def _is_text(question: list[Turn]) -> bool:
    return len(question) == 1 and question[0]["role"] == "user" and isinstance(question[0]["content"], str)


def _text_of(question: list[Turn]) -> str:
    return str(question[0]["content"])


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


def _turn(role: str, content: JSONValue) -> Turn:
    return {"role": role, "content": content}
