"""Outcomes as rows for the database, grouped by the columns that they fill.

To bind None, sqlite3 searches for an adapter first, which takes as long as five strings. So a column that all outcomes
of a kind leave empty is not named at all.
"""

from collections.abc import Iterable
from typing import Any

from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores.sql.short_texts import INLINE_CHARACTERS, refer
from themis.core.stores.sqlite.many_rows import Row

Columns = tuple[str, ...]
_KEY = ("run_no", "case_no", "stage", "item", "ok", "finished_ms")
_OUTPUTS: Columns = (*_KEY, "output", "body")
_SCORES: Columns = (*_KEY, "value", "body")
_ANY: Columns = (*_KEY, "value", "output", "body", "retries")
_JUDGED: Columns = (*_KEY, "value", "output", "body", "retries", "category")
_NO_ANSWERS: Columns = (*_KEY, "value", "body", "category")
_ENDED_ANSWERS: Columns = (*_KEY, "output", "body", "retries", "category")


def outcome_rows(run_no: int, outcomes: Iterable[Outcome], blobs: dict[str, bytes]) -> dict[Columns, list[Row]]:
    """Return the rows of `outcomes` by the columns that they fill; long texts are added to `blobs`, by their hashes."""
    outputs: list[Row] = []
    scores: list[Row] = []
    others: list[Row] = []
    no_answers: list[Row] = []
    ended_answers: list[Row] = []
    judged: list[Row] = []
    for no, stage, item, ok, at, value, output, body, retries, category in outcomes:
        # Plain ints: for a value of a subclass, too, sqlite3 searches for an adapter.
        kept: Any = body if len(body) <= INLINE_CHARACTERS else refer(body, blobs)
        if output is None:
            if category is not None:
                no_answers.append((run_no, no, +stage, item, +ok, at, value, kept, category))
            elif value is not None and retries is None:
                scores.append((run_no, no, +stage, item, +ok, at, value, kept))
            else:
                others.append((run_no, no, +stage, item, +ok, at, value, None, kept, retries))
            continue
        text = output if len(output) <= INLINE_CHARACTERS else refer(output, blobs)
        if stage is Stage.JUDGE:
            judged.append((run_no, no, +stage, item, +ok, at, value, text, kept, retries, category))
        elif category is not None:
            ended_answers.append((run_no, no, +stage, item, +ok, at, text, kept, retries, category))
        elif value is None and retries is None:
            outputs.append((run_no, no, +stage, item, +ok, at, text, kept))
        else:
            others.append((run_no, no, +stage, item, +ok, at, value, text, kept, retries))
    return {
        _OUTPUTS: outputs,
        _SCORES: scores,
        _NO_ANSWERS: no_answers,
        _ENDED_ANSWERS: ended_answers,
        _JUDGED: judged,
        _ANY: others,
    }
