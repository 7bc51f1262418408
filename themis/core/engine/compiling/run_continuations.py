"""Check of an experiment that asks for the log-likelihoods of continuations, before a model is asked."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from themis.core.config import EvaluationConfig, GenerationConfig
from themis.core.datasets import CaseSource
from themis.core.errors import ConfigError
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.continuations import DEFAULT_CONTINUATION, ContinuationPrompter

_ONE_OUTPUT = (
    "`task: continuations` has one output for each case, the likeliest choice, and nothing to select, reduce or parse"
)


def continuation_template(
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    generator: Any,
    prompt: RunPrompt | None,
    sources: Iterable[CaseSource],
) -> str | None:
    """Return the template of the continuations; None when the task is to generate.

    It is rendered for the first case of each dataset, so that a mistake in it is found before a model is asked.

    Raises:
        ConfigError: the generator has no log-likelihoods, or the experiment has a part that has no meaning with them.
        PromptError: the template cannot be rendered, or there is nothing to continue with.
    """
    if generation.task == "generate":
        return None
    template = DEFAULT_CONTINUATION if generation.continuation is None else generation.continuation
    refuse_without_continuations(generator)
    for key, part in (
        ("generation.selector", generation.selector),
        ("generation.reducer", generation.reducer),
        ("evaluation.parsers", evaluation.parsers or None),
    ):
        if part is not None:
            raise ConfigError(where=key, detail=f"{_ONE_OUTPUT}; remove it")
    prompter = ContinuationPrompter(template, prompt)
    for source in sources:
        for case in islice(source.cases(), 1):
            prompter.context(case)
            prompter.continuations(case)
    return template


def refuse_several(generation: GenerationConfig, count: int) -> None:
    """Refuse several candidates of a case, which would all be the same.

    Raises:
        ConfigError: there are several.
    """
    if generation.task != "generate" and count > 1:
        detail = f"log-likelihoods are the same each time, so {count} candidates of a case mean nothing; remove it"
        raise ConfigError(where="generation.candidate_policy", detail=detail)


def refuse_without_continuations(generator: Any) -> None:
    """Refuse a generator that cannot say log-likelihoods.

    Raises:
        ConfigError: it has no method `score_continuations`, or says why that cannot be used.
    """
    name = getattr(generator, "component_id", type(generator).__name__)
    why = getattr(generator, "why_no_continuations", None)
    if not callable(getattr(generator, "score_continuations", None)):
        why = "it has no method score_continuations"
    if why is not None:
        raise ConfigError(where="generation.task", detail=f"{name!r} cannot be asked for continuations: {why}")
