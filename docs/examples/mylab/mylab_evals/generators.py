"""A generator."""

from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult


class Adder:
    """Adds the numbers of a question such as `2 + 3`."""

    component_id = "mylab/adder"
    version = "1"

    def fingerprint(self) -> str:
        """Return what decides an answer, beside the version."""
        return "adds"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Answer with a sentence that ends with the sum."""
        total = sum(int(part) for part in str(case.input).split("+"))
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=f"The sum is {total}.")
