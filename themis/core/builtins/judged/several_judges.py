"""Base of the shipped metrics that ask several judges the same question."""

from collections.abc import Iterable, Sequence
from typing import Any

from themis.core.builtins.judged.judged_metric import JudgedMetric, by_judge, check_judges
from themis.core.judging.agreement_figures import agreement_figures, agreement_of
from themis.core.models import Score
from themis.core.workflows import ParsedJudgment


class SeveralJudges(JudgedMetric):
    """A metric that asks several judges, with the agreement of their verdicts.

    Attributes:
        named_judges: those that are asked; none for all of the experiment.
    """

    def __init__(self, judges: list[str] | None, **grading: Any) -> None:
        """Ask `judges`, by the ids under which the experiment names them; `grading` see `JudgedMetric`.

        Raises:
            InvalidArgumentError: one of the arguments is something else.
        """
        super().__init__(**grading)
        self.named_judges = check_judges(judges)
        self._given |= {"judges": [*self.named_judges]}

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the agreement of the verdicts over a run."""
        return agreement_figures(row.details for row in rows)


def verdicts_of(judgments: Sequence[ParsedJudgment]) -> dict[str, Any]:
    """Return the verdicts on an answer for the details of its score, with their agreement."""
    return {
        "verdicts": by_judge(judgments),
        "agreement": agreement_of([judgment.label for judgment in judgments]),
    }
