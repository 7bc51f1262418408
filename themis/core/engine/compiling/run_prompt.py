"""The prompts of a run, from its configuration: templates, and the parts around an input."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from themis.core.base import JSONValue
from themis.core.config import GenerationConfig
from themis.core.configuration.secrets import redact_urls
from themis.core.datasets import CaseSource
from themis.core.engine.compiling.prompt_files import files_of
from themis.core.errors import ConfigError, FingerprintChangedError
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.media_parts import MediaFinder
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.snapshot import RunIdentity


@dataclass(frozen=True, slots=True)
class PreparedPrompt:
    """The prompt of a run, and what finds the files that it names, as they were when it was prepared."""

    prompt: RunPrompt
    finder: MediaFinder


def run_prompt(
    generation: GenerationConfig,
    sources: Sequence[CaseSource],
    where: str,
    *,
    folder: str | Path | None = None,
    generator: object = None,
) -> PreparedPrompt | None:
    """Return the prompt with its examples and files; None when the configuration has no templates.

    It is rendered for the first case of each dataset, so that a mistake in it is found before a model is asked; for
    all cases when it names files, each of which must be there.

    Args:
        generation: the configuration.
        sources: the datasets.
        where: the beginning of error messages.
        folder: the folder of the files that it names.
        generator: the live generator; what it takes is checked, unless it is None.

    Raises:
        ConfigError: there is a `prompt_spec` too, or the generator does not take such a prompt.
        PromptError: an example or a file is missing, or a template cannot be rendered.
        DatasetError: the examples cannot be read.
    """
    if generation.prompt is None:
        return None
    if generation.prompt_spec is not None:
        detail = "generation: `prompt` and `prompt_spec` exclude each other; write it all as templates of `prompt`"
        raise ConfigError(where=where, detail=detail)
    from themis.core.prompting.few_shot import prepared  # noqa: PLC0415  # Jinja2 costs 30 ms
    from themis.core.prompting.rendering import Prompter  # noqa: PLC0415

    prompt = prepared(generation.prompt, sources)
    finder = MediaFinder(folder)
    if prompt.has_files:
        files = files_of(prompt, sources, folder)
        prompt, finder = prompt.model_copy(update={"media": files.content}), MediaFinder(folder, files.references)
    prompter = Prompter(prompt, finder)
    for source in sources:
        for case in islice(source.cases(), 1):
            _refuse_unfit(prompt, prompter.rendered(case), generator, where)
    return PreparedPrompt(prompt, finder)


def _refuse_unfit(prompt: RunPrompt, rendered: JSONValue, generator: object, where: str) -> None:
    """Refuse turns for a generator that completes a text, and one text of turns for any other.

    A generator says it by its attribute `completes_text`; one without it takes both.
    """
    completes_text = getattr(generator, "completes_text", None)
    if completes_text is False and prompt.chat_template is not None:
        detail = (
            "generation.prompt: `chat_template` is for a generator that completes a text (`api_mode: completions`); "
            "this one is sent the turns, and its server knows their form; remove it"
        )
        raise ConfigError(where=where, detail=detail)
    if completes_text is True and not isinstance(rendered, str):
        detail = (
            "generation.prompt: a completion endpoint takes one text, and this prompt is a conversation: name the "
            "model's own `chat_template`, such as chatml, or use neither `system` nor examples as turns"
        )
        raise ConfigError(where=where, detail=detail)


def prompt_of(spec: PromptSpec | None) -> PromptSpec | None:
    """Return the prompt as both the model and the store get it: passwords in URLs are redacted."""
    return None if spec is None else PromptSpec.model_validate(redact_urls(spec.model_dump()))


def block_rendering_of(spec: PromptSpec | None) -> int:
    """Return the version of the block format of a prompt."""
    return FIRST_BLOCK_RENDERING if spec is None else spec.block_rendering


def refuse_other_rendering(identity: RunIdentity) -> None:
    """Check that the prompt of a stored run is rendered as it was when the run was compiled.

    Raises:
        FingerprintChangedError: it is rendered differently.
    """
    now, before = block_rendering_of(identity.generation_prompt_spec), identity.block_rendering
    if now != before:
        raise FingerprintChangedError(
            where="generation.prompt_spec",
            reference="the prompt",
            difference=f"its blocks are rendered by version {now}, expected {before}",
        )
