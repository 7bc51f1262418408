"""Judge that is content with everything."""

import re

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.judging.prompts import as_text
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt

_IN_BRACKETS = re.compile(r"\[\[[^\[\]]{1,100}\]\]")


class DemoJudge(BuiltinComponent):
    """Gives the best verdict of the scale that is asked for, in the form that is asked for.

    That is `[[PASS]]`, `[[A]]`, the highest number, or an object of JSON for the shipped metrics. Of another prompt it
    repeats the first text in double square brackets, and says `PASS` where there is none. It calls no model: its
    verdicts show that a pipeline works, and nothing about an answer. A response counts one prompt token and one
    completion token.
    """

    component_id = "builtin/demo_judge"

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        """Return the best verdict."""
        return JudgeResponse(
            judge_model_id=self.component_id,
            judge_model_version=self.version,
            judge_model_fingerprint=self.fingerprint(),
            raw_response=_best(prompt),
            effective_seed=seed,
            token_usage={"prompt_tokens": 1, "completion_tokens": 1},
        )


def _best(prompt: RenderedJudgePrompt) -> JSONValue:
    example = prompt.metadata.get("example")
    if isinstance(example, str):
        return example
    found = _IN_BRACKETS.search(as_text(prompt.content))
    return found[0] if found else "PASS"
