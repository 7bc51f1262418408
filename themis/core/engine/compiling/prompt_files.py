"""Files in the prompts of a run: their content is part of what the run is."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from themis.core.datasets import CaseSource
from themis.core.errors import FingerprintChangedError, PromptError
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.media_parts import MediaFinder, references_in


@dataclass(frozen=True, slots=True)
class PromptFiles:
    """The files in the prompts of all cases.

    Attributes:
        content: SHA-256, as 64 hex digits, over the references of the files of each case, in order.
        references: the references of all files.
    """

    content: str
    references: frozenset[str]


def files_of(prompt: RunPrompt, sources: Iterable[CaseSource], folder: str | Path | None) -> PromptFiles:
    """Return the files in the prompts of all cases, and put them into the folder of media.

    Raises:
        PromptError: one is not there or cannot be sent; the message names its case.
    """
    from themis.core.prompting.rendering import Prompter  # noqa: PLC0415  # Jinja2 costs 30 ms

    prompter = Prompter(prompt, MediaFinder(folder))
    digest, known = hashlib.sha256(), set()
    for source in sources:
        for index, case in enumerate(source.cases()):
            try:
                found = references_in(prompter.rendered(case))
            except PromptError as error:
                raise PromptError(where=source.where(index), detail=str(error)) from None
            digest.update(f"{' '.join(found)}\n".encode())
            known.update(found)
    return PromptFiles(digest.hexdigest(), frozenset(known))


def unchanged_files(prompt: RunPrompt | None, sources: Iterable[CaseSource], folder: str | None) -> MediaFinder | None:
    """Return what finds the files of a stored run's prompts; None when there are none.

    Raises:
        FingerprintChangedError: one has another content than when the run was made.
        PromptError: one is not there any more.
    """
    if prompt is None or prompt.media is None:
        return None
    found = files_of(prompt, sources, folder)
    if found.content != prompt.media:
        difference = f"in {folder}; restore them, or make a new run"
        raise FingerprintChangedError(where="generation.prompt", reference="a file", difference=difference)
    return MediaFinder(folder, found.references)
