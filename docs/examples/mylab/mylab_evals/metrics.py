"""A metric with an argument."""

from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class Within:
    """1 for a number that is at most `distance` away from the expected one."""

    component_id = "mylab/within"
    version = "1"

    def __init__(self, distance: float = 0.0) -> None:
        """Accept answers up to `distance` away."""
        self.distance = distance

    def fingerprint(self) -> str:
        """Return what decides a score, beside the version."""
        return f"distance {self.distance}"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002
        """Return 1 or 0; no score for what is not a number."""
        try:
            away = abs(float(str(parsed.value)) - float(str(case.expected_output)))
        except ValueError:
            return ScoreError(metric_id=self.component_id, reason=f"{parsed.value!r} is not a number")
        return Score(metric_id=self.component_id, value=float(away <= self.distance))
