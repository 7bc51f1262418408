"""Simulated model: it copies the working of a problem and makes mistakes, more often in longer problems."""

import asyncio
import hashlib
import operator
from collections.abc import Callable

from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult
from themis.core.text.canonical import content_hash

_SILENT_AT_WORST = 0.08
_STEP_AT_WORST = 0.55
_SLIPS = (-10, -5, -2, -1, 1, 2, 5, 10)
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class SimulatedModel:
    """Writes a short worked solution that ends in `A: <number>`, or in `A:` alone when it gives up.

    A step of the working is right with probability 0.55 + 0.45 · skill, and the answer when all steps are; a model
    without any skill gives up in 8 % of the cases. Its answer follows from its seed, the case and the candidate's
    seed alone. It reads the working from the case's `metadata.working`; without one a case has a single step.

    Attributes:
        component_id: `demo/<name>`.
        model_id: the name.
    """

    version = "1"

    def __init__(
        self, name: str, skill: float, seed: int = 0, *, latency_ms: float = 0.0, failure_rate: float = 0.0
    ) -> None:
        """Create a model.

        Args:
            name: its name in results.
            skill: from 0 to 1.
            seed: another seed makes other mistakes.
            latency_ms: average time for an answer, in milliseconds.
            failure_rate: share of the cases whose first try ends in a TimeoutError, as with a busy provider.

        Raises:
            ValueError: skill or rate is not between 0 and 1, or the latency is negative.
        """
        for label, share in (("skill", skill), ("failure_rate", failure_rate)):
            if not 0 <= share <= 1:
                msg = f"{label} must be between 0 and 1, not {share}"
                raise ValueError(msg)
        if not 0 <= latency_ms < float("inf"):
            msg = f"latency_ms must be at least 0, not {latency_ms}"
            raise ValueError(msg)
        self.component_id = f"demo/{name}"
        self.model_id = name
        self._skill = skill
        self._seed = seed
        self._latency_ms = latency_ms
        self._failure_rate = failure_rate
        self._failed_once: set[tuple[str, int | None]] = set()

    def fingerprint(self) -> str:
        """Return a hash of the parameters that decide its answers; latency and failures do not."""
        return content_hash([self.component_id, self.version, self._skill, self._seed])

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return a worked solution of `case`.

        Raises:
            TimeoutError: sometimes, at the first try.
        """
        dice = _Dice(self.model_id, self._seed, case.case_id, ctx.seed)
        latency_ms = self._latency_ms * (0.5 + dice.roll("latency"))
        if latency_ms:
            await asyncio.sleep(latency_ms / 1000)
        key = (case.case_id, ctx.seed)
        if dice.roll("failure") < self._failure_rate and key not in self._failed_once:
            self._failed_once.add(key)
            msg = f"{self.model_id} did not answer in time"
            raise TimeoutError(msg)
        solution = self._solve(case, dice)
        return GenerationResult(
            candidate_id=f"{case.case_id}-{self.model_id}-{ctx.seed or 0}",
            final_output=solution,
            token_usage={"prompt_tokens": len(str(case.input).split()), "completion_tokens": len(solution.split())},
            latency_ms=latency_ms,
        )

    def _solve(self, case: Case, dice: "_Dice") -> str:
        step_goes_right = _STEP_AT_WORST + (1 - _STEP_AT_WORST) * self._skill

        def slip(step: int) -> int:
            """Return the error added to the result of a step: 0 when it is right."""
            if dice.roll(f"step {step}") <= step_goes_right:
                return 0
            return _SLIPS[int(dice.roll(f"slip {step}") * len(_SLIPS))]

        working = case.metadata.get("working")
        lines = _retrace(working, slip) if working else _guess(case, slip)
        if dice.roll("gives up") < _SILENT_AT_WORST * (1 - self._skill):
            lines[-1] = "A:"
        return "\n".join(lines)


def _retrace(working: str, slip: Callable[[int], int]) -> list[str]:
    """Return the steps of `working`, each continuing with the result before it, right or wrong, and the answer."""
    lines = []
    total: float | None = None
    for number, line in enumerate(working.split("\n")):
        before, operation, operand = line.partition(" = ")[0].split()
        start = float(before) if total is None else total
        total = _OPERATIONS[operation](start, float(operand)) + slip(number)
        lines.append(f"{_digits(start)} {operation} {operand} = {_digits(total)}")
    return [*lines, f"A: {_digits(total or 0.0)}"]


def _guess(case: Case, slip: Callable[[int], int]) -> list[str]:
    return [f"A: {'unknown' if slip(0) else case.expected_output}"]


def _digits(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


class _Dice:
    """Random numbers derived from their purpose, so that neither order nor repetition changes them."""

    def __init__(self, *about: object) -> None:
        self._about = repr(about)

    def roll(self, what: str) -> float:
        """Return a number from 0 up to, but not including, 1."""
        digest = hashlib.sha256(f"{self._about} {what}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48
