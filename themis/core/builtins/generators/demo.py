"""Generator that knows the answers."""

from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult


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
