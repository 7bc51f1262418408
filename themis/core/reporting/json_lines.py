"""JSON Lines of a run's scores: an object for each case and metric."""

from collections.abc import Iterable, Iterator

from themis.core.base import as_json
from themis.core.read_models import BenchmarkScoreRow
from themis.core.text.canonical import compact_json


def score_lines(rows: Iterable[BenchmarkScoreRow]) -> Iterator[str]:
    """Yield each row of scores as an object in one line; its texts are unchanged."""
    for row in rows:
        yield compact_json(as_json(row))
