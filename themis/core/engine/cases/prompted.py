"""Generation from a prompt: a generator is asked what the run's templates make of a case."""

from collections.abc import Awaitable, Callable
from typing import Any

from themis.core.base import JSONValue
from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult, Message
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.media_parts import MediaFinder

Prepare = Callable[[Case], Case]
Generate = Callable[[Case, GenerateContext], Awaitable[GenerationResult]]


def preparation_of(prompt: RunPrompt | None, finder: MediaFinder | None = None) -> Prepare | None:
    """Return what makes of a case the one that a generator gets: its input is rendered; None without templates.

    It raises PromptError for a case that cannot be rendered.
    """
    if prompt is None:
        return None
    from themis.core.prompting.rendering import Prompter  # noqa: PLC0415  # Jinja2 costs 30 ms

    prompter = Prompter(prompt, finder)
    return lambda case: case.model_copy(update={"input": prompter.rendered(case)})


def keeping_prompt(generate: Generate) -> Generate:
    """Return `generate` for rendered cases: what was rendered is kept with each candidate.

    Its hash is among the artifacts, and its messages are the conversation, unless the generator keeps one itself.
    """

    async def generated(case: Case, ctx: GenerateContext) -> GenerationResult:
        result: Any = await generate(case, ctx)
        return with_prompt(result, case.input) if isinstance(result, GenerationResult) else result

    return generated


def with_prompt(result: GenerationResult, rendered: JSONValue) -> GenerationResult:
    """Return a candidate with what was rendered for it."""
    from themis.core.prompting.rendering import PROMPT_HASH, prompt_hash  # noqa: PLC0415

    turns = rendered if isinstance(rendered, list) else [{"role": "user", "content": rendered}]
    kept: dict[str, Any] = {"artifacts": {**(result.artifacts or {}), PROMPT_HASH: prompt_hash(rendered)}}
    if result.conversation is None:
        kept["conversation"] = [Message.model_validate(turn) for turn in turns]
    return result.model_copy(update=kept)
