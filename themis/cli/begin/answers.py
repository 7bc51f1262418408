"""Answers of a model with their scores, for people."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from themis.cli.terminal.output import cut, say
from themis.cli.terminal.scores import say_in_full
from themis.core.models import Score
from themis.core.results import CaseResult, RunResult
from themis.core.statistics.score_tally import number

_ANSWERS_SHOWN = 20


def say_answers(result: RunResult) -> None:
    """Print the answers and the scores for people."""
    for case in islice(result.cases, _ANSWERS_SHOWN):
        for line in _answers(case):
            say(line)
    left = len(result.cases) - _ANSWERS_SHOWN
    if left > 0:
        say(f"… and {left:,} more cases; --json prints the figures, --store keeps all answers")
    if result.metrics:
        say_in_full(result.metrics)


def _answers(case: CaseResult) -> Sequence[str]:
    """Return the lines of a case: each candidate with its end, and its scores."""
    lines = [f"{case.case_id}: {_text(found.final_output)}{_end(found)}" for found in case.generated_candidates]
    lines += [f"{case.case_id}: failed: {failure.summary}" for failure in case.generation_failures.values()]
    for score in case.scores:
        found = number(score.value) if isinstance(score, Score) else f"no score: {score.reason}"
        lines.append(f"    {score.metric_id} {found}")
    return lines


def _text(output: Any) -> str:
    return cut(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False))


def _end(found: Any) -> str:
    reason = found.finish_reason
    return "" if reason in {None, "stop"} else f"  [ended by {reason}]"
