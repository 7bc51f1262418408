"""Examples of a prompt, drawn from a file of cases."""

from collections.abc import Iterable

from themis.core.datasets import FileSource
from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import FewShotConfig, PromptConfig, RunPrompt, Shot
from themis.core.text.canonical import canonical_json, content_hash

_WHERE = "generation.prompt.few_shot"


def prepared(config: PromptConfig) -> RunPrompt:
    """Return the prompt of a run, with its examples.

    Raises:
        PromptError: the file has too few examples, or one without an expected output.
        DatasetError: the file cannot be read.
    """
    few_shot = config.few_shot
    if few_shot is None:
        return RunPrompt(system=config.system, template=config.template)
    return RunPrompt(
        system=config.system,
        template=config.template,
        shots=_drawn(few_shot),
        k=few_shot.k,
        shots_as=few_shot.as_,
        answer=few_shot.answer,
        separator=few_shot.separator,
    )


def _drawn(few_shot: FewShotConfig) -> list[Shot]:
    """Return the examples, and one to spare if the file has more: without a seed the first, else those it draws."""
    cases = FileSource("few_shot", few_shot.path, few_shot.fields).cases()
    drawn = _first(cases, few_shot.k + 1) if few_shot.seed is None else _any(cases, few_shot.k + 1, few_shot.seed)
    if len(drawn) < few_shot.k:
        detail = f"k is {few_shot.k}, and {few_shot.path} has {len(drawn)} different examples"
        raise PromptError(where=_WHERE, detail=detail)
    if nameless := next((case for case in drawn if case.expected_output is None), None):
        detail = f"example {nameless.case_id!r} of {few_shot.path} has no expected output"
        raise PromptError(where=_WHERE, detail=detail)
    return [Shot(input=case.input, expected_output=case.expected_output) for case in drawn]


def _first(cases: Iterable[Case], wanted: int) -> list[Case]:
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(canonical_json(case.input), case)
        if len(found) == wanted:
            break
    return list(found.values())


def _any(cases: Iterable[Case], wanted: int, seed: int) -> list[Case]:
    """Return cases with different inputs: those with the smallest hashes of seed and input, in that order."""
    found: dict[str, Case] = {}
    largest = ""
    for case in cases:
        key = content_hash([seed, case.input])
        if key in found or (len(found) == wanted and key > largest):
            continue
        found[key] = case
        if len(found) > wanted:
            del found[largest]
        largest = max(found)
    return [found[key] for key in sorted(found)]
