"""Generation from a prompt: a generator is asked what the run's templates make of a case."""

from collections.abc import Awaitable, Callable
from typing import Any

from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult, Message
from themis.core.prompt_config import RunPrompt
from themis.core.prompting.rendering import PROMPT_HASH, Prompter, prompt_hash

Generate = Callable[[Case, GenerateContext], Awaitable[GenerationResult]]


def prompted(generator: Any, prompt: RunPrompt) -> Generate:
    """Return `generator.generate` for cases whose input is rendered by `prompt`.

    What was rendered is kept with the candidate: its hash among the artifacts, and its messages as the conversation,
    unless the generator keeps one itself.
    """
    prompter = Prompter(prompt)

    async def generate(case: Case, ctx: GenerateContext) -> GenerationResult:
        rendered = prompter.rendered(case)
        result: Any = await generator.generate(case.model_copy(update={"input": rendered}), ctx)
        if not isinstance(result, GenerationResult):
            return result  # type: ignore[no-any-return]  # refused by the caller, as of any generator
        turns = rendered if isinstance(rendered, list) else [{"role": "user", "content": rendered}]
        kept: dict[str, Any] = {"artifacts": {**(result.artifacts or {}), PROMPT_HASH: prompt_hash(rendered)}}
        if result.conversation is None:
            kept["conversation"] = [Message.model_validate(turn) for turn in turns]
        return result.model_copy(update=kept)

    return generate
