"""Generator that knows the answers."""

import string
from collections.abc import Sequence

from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.models import Case, ContinuationScore, GenerationResult

_LETTERS = string.ascii_uppercase
_OF_RIGHT, _OF_WRONG = -0.5, -4.0
"""Log-probability of a word in a right choice, and in a wrong one."""


class DemoGenerator(BuiltinComponent):
    """Answers with the case's expected output, or with its input when nothing is expected.

    It calls no model, so a prompt spec does not change its answers. A candidate is named `<case>-candidate-<seed>`
    and counts one prompt token and one completion token.
    """

    component_id = "builtin/demo_generator"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the expected output, else the input."""
        return GenerationResult(
            candidate_id=f"{case.case_id}-candidate-{ctx.seed or 0}",
            final_output=case.input if case.expected_output is None else case.expected_output,
            token_usage={"prompt_tokens": 1, "completion_tokens": 1},
        )

    async def score_continuations(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> GenerationResult:
        """Return a log-likelihood of each choice: its words are tokens, and those of a right one are likelier."""
        rights = case.expected_output if isinstance(case.expected_output, list) else [case.expected_output]
        scores = []
        for number, text in enumerate(choices):
            tokens = max(len(text.split()), 1)
            is_right = any(one in (_LETTERS[number : number + 1], text.strip()) for one in rights)
            scores.append(
                ContinuationScore(
                    text=text,
                    log_likelihood=tokens * (_OF_RIGHT if is_right else _OF_WRONG),
                    tokens=tokens,
                    characters=len(text),
                    utf8_bytes=len(text.encode()),
                    is_greedy=is_right,
                )
            )
        return GenerationResult(
            candidate_id=f"{case.case_id}-candidate-{ctx.seed or 0}",
            final_output=max(scores, key=lambda score: score.log_likelihood).text,
            token_usage={"prompt_tokens": len(choices), "completion_tokens": len(choices)},
            continuations=scores,
        )
