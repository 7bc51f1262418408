"""Examples of a prompt, drawn from a file of cases, or from a split of the hub."""

from collections.abc import Iterable

from themis.core.datasets import CaseSource, FileSource
from themis.core.datasets.hub.hub_source import HubSource
from themis.core.datasets.record_source import RecordSource
from themis.core.errors import PromptError
from themis.core.models import Case
from themis.core.prompt_config import MOST_SHOTS, FewShotConfig, PromptConfig, RunPrompt, Shot
from themis.core.prompting.chat_templates import chat_template_source
from themis.core.text.canonical import canonical_json, content_hash
from themis.core.values.dataset_selection import ChoicesConfig, DatasetSelection

_WHERE = "generation.prompt.few_shot"
_NAME = "few_shot"
_MOST_KEPT = 10 * MOST_SHOTS
"""Bound of the examples for all values of a label together, as a run keeps all of them."""


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
    source = _origin(few_shot, sources)
    return with_examples(made, few_shot, source.cases(), source.place)


def with_examples(prompt: RunPrompt, few_shot: FewShotConfig, cases: Iterable[Case], place: str) -> RunPrompt:
    """Return a prompt with the examples that `few_shot` takes of `cases`, which are in `place`.

    Raises:
        PromptError: there are too few or too many of them, or one has no expected output or lacks the label.
    """
    found = {
        "shots": _drawn(few_shot, cases, place),
        "k": few_shot.k,
        "same": few_shot.same,
        "shots_as": few_shot.as_,
        "answer": few_shot.answer,
        "separator": few_shot.separator,
        "introduction": few_shot.introduction,
    }
    return prompt.model_copy(update=found)


def _drawn(few_shot: FewShotConfig, cases: Iterable[Case], place: str) -> list[Shot]:
    """Return the examples, and one to spare if there are more: without a seed the first, else those it draws."""
    wanted, same = few_shot.k + 1, few_shot.same
    drawn: dict[str | None, list[Case]]
    if same is not None:
        groups: dict[str, _Drawing] = {}
        for case in cases:
            groups.setdefault(_label(case, same, place), _Drawing(wanted, few_shot.seed)).offer(case)
            if len(groups) * wanted > _MOST_KEPT:
                detail = (
                    f"{place} has {len(groups):,} values of the label {same!r} or more: too many for k {few_shot.k}"
                )
                raise PromptError(where=f"{_WHERE}.same", detail=detail)
        drawn = {group: drawing.cases for group, drawing in groups.items()}
    else:
        drawing = _Drawing(wanted, few_shot.seed)
        for case in cases:
            drawing.offer(case)
            if drawing.is_final:
                break
        drawn = {None: drawing.cases}
    most = max(map(len, drawn.values()), default=0)
    if most < few_shot.k:
        raise PromptError(where=_WHERE, detail=f"k is {few_shot.k}, and {place} has {most} different examples")
    kept = [(group, case) for group, found in drawn.items() for case in found]
    if nameless := next((case for _, case in kept if case.expected_output is None), None):
        raise PromptError(where=_WHERE, detail=f"example {nameless.case_id!r} of {place} has no expected output")
    return [Shot(input=case.input, expected_output=case.expected_output, group=group) for group, case in kept]


def _label(case: Case, name: str, place: str) -> str:
    if name not in case.metadata:
        detail = f"example {case.case_id!r} of {place} has no label {name!r}; name it in `fields: {{metadata: …}}`"
        raise PromptError(where=f"{_WHERE}.same", detail=detail)
    return case.metadata[name]


def _origin(few_shot: FewShotConfig, sources: Iterable[CaseSource]) -> RecordSource:
    """Return the source of the examples: a file, or a split of the data set of the first source that has splits."""
    if few_shot.path is not None:
        choices = few_shot.choices or ChoicesConfig()
        return FileSource(_NAME, few_shot.path, few_shot.fields, selection=DatasetSelection(choices=choices))
    asked = next((source for source in sources if isinstance(source, HubSource)), None)
    if asked is None:
        raise PromptError(where=f"{_WHERE}.split", detail="no dataset has `huggingface`, whose splits these are")
    split = asked.split.model_copy(update={"split": few_shot.split, "revision": asked.revision})
    fields = few_shot.fields or asked.field_paths
    choices = few_shot.choices or asked.selection.choices
    return HubSource(_NAME, split, fields, selection=DatasetSelection(choices=choices))


class _Drawing:
    """Cases with different inputs, at most `wanted`: the first, or by a seed those of the smallest hashes, in order.

    Attributes:
        cases: those that are drawn so far.
        is_final: whether no other case can be drawn any more.
    """

    def __init__(self, wanted: int, seed: int | None) -> None:
        self._wanted, self._seed = wanted, seed
        self._found: dict[str, Case] = {}
        self._largest = ""

    @property
    def cases(self) -> list[Case]:
        return [self._found[key] for key in (self._found if self._seed is None else sorted(self._found))]

    @property
    def is_final(self) -> bool:
        return self._seed is None and len(self._found) == self._wanted

    def offer(self, case: Case) -> None:
        if self._seed is None:
            if len(self._found) < self._wanted:
                self._found.setdefault(canonical_json(case.input), case)
            return
        key = content_hash([self._seed, case.input])
        if key in self._found or (len(self._found) == self._wanted and key > self._largest):
            return
        self._found[key] = case
        if len(self._found) > self._wanted:
            del self._found[self._largest]
        self._largest = max(self._found)
