"""The prompts of a run, from its configuration: templates, and the parts around an input."""

from collections.abc import Iterable
from itertools import islice

from themis.core.config import GenerationConfig
from themis.core.configuration.secrets import redact_urls
from themis.core.datasets import CaseSource
from themis.core.errors import ConfigError, FingerprintChangedError
from themis.core.prompt_config import RunPrompt
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.snapshot import RunIdentity


def run_prompt(generation: GenerationConfig, sources: Iterable[CaseSource], where: str) -> RunPrompt | None:
    """Return the prompt with its examples; None when the configuration has no templates.

    It is rendered for the first case of each dataset, so that a mistake in it is found before a model is asked.

    Raises:
        ConfigError: there is a `prompt_spec` too.
        PromptError: an example is missing, or a template cannot be rendered.
        DatasetError: the file of examples cannot be read.
    """
    if generation.prompt is None:
        return None
    if generation.prompt_spec is not None:
        detail = "generation: `prompt` and `prompt_spec` exclude each other; write it all as templates of `prompt`"
        raise ConfigError(where=where, detail=detail)
    from themis.core.prompting.few_shot import prepared  # noqa: PLC0415  # Jinja2 costs 30 ms
    from themis.core.prompting.rendering import Prompter  # noqa: PLC0415

    prompt = prepared(generation.prompt)
    prompter = Prompter(prompt)
    for source in sources:
        for case in islice(source.cases(), 1):
            prompter.rendered(case)
    return prompt


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
