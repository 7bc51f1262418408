"""Examples of a prompt, drawn from a file of cases, or from a split of the hub."""

from collections.abc import Iterable

from themis.core.datasets import CaseSource, FileSource, HubSource
from themis.core.datasets.record_source import RecordSource
from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import FewShotConfig, PromptConfig, RunPrompt, Shot
from themis.core.prompting.chat_templates import chat_template_source
from themis.core.text.canonical import canonical_json, content_hash
from themis.core.values.dataset_selection import DatasetSelection

_WHERE = "generation.prompt.few_shot"
_NAME = "few_shot"


def prepared(config: PromptConfig, sources: Iterable[CaseSource] = ()) -> RunPrompt:
    """Return the prompt of a run over `sources`, with its examples.

    Raises:
        PromptError: there are too few examples, one without an expected output, or no data set that has a split.
        DatasetError: the examples cannot be read.
        HubUnavailableError: they are on the hub, which cannot be reached.
    """
    chat, few_shot = config.chat_template, config.few_shot
    made = RunPrompt(
        system=config.system,
        template=config.template,
        chat_template=None if chat is None else chat_template_source(chat),
        chat_values={} if chat is None else chat.with_,
    )
    if few_shot is None:
        return made
    return made.model_copy(
        update={
            "shots": _drawn(few_shot, sources),
            "k": few_shot.k,
            "shots_as": few_shot.as_,
            "answer": few_shot.answer,
            "separator": few_shot.separator,
            "introduction": few_shot.introduction,
        }
    )


def _drawn(few_shot: FewShotConfig, sources: Iterable[CaseSource]) -> list[Shot]:
    """Return the examples, and one to spare if there are more: without a seed the first, else those it draws."""
    source = _origin(few_shot, sources)
    cases = source.cases()
    drawn = _first(cases, few_shot.k + 1) if few_shot.seed is None else _any(cases, few_shot.k + 1, few_shot.seed)
    if len(drawn) < few_shot.k:
        detail = f"k is {few_shot.k}, and {source.place} has {len(drawn)} different examples"
        raise PromptError(where=_WHERE, detail=detail)
    if nameless := next((case for case in drawn if case.expected_output is None), None):
        detail = f"example {nameless.case_id!r} of {source.place} has no expected output"
        raise PromptError(where=_WHERE, detail=detail)
    return [Shot(input=case.input, expected_output=case.expected_output) for case in drawn]


def _origin(few_shot: FewShotConfig, sources: Iterable[CaseSource]) -> RecordSource:
    """Return the source of the examples: a file, or a split of the data set of the first source that has splits."""
    if few_shot.path is not None:
        return FileSource(_NAME, few_shot.path, few_shot.fields)
    asked = next((source for source in sources if isinstance(source, HubSource)), None)
    if asked is None:
        raise PromptError(where=f"{_WHERE}.split", detail="no dataset has `huggingface`, whose splits these are")
    split = asked.split.model_copy(update={"split": few_shot.split, "revision": asked.revision})
    fields = few_shot.fields or asked.field_paths
    return HubSource(_NAME, split, fields, selection=DatasetSelection(choices=asked.selection.choices))


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
