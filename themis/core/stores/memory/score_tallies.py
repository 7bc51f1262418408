"""Tallies of a run's scores from its outcomes in memory."""

from collections import Counter
from collections.abc import Iterable, Mapping

from themis.core.outcomes.items import OF_CANDIDATES
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.statistics.score_tally import NO_ANSWER, ScoreTally


def tallies_of(outcomes: Iterable[Mapping[tuple[Stage, int], Outcome]]) -> dict[int, ScoreTally]:
    """Return the tally of each metric's scores, by its item, from the outcomes of each case."""
    found: dict[int, Counter[float]] = {}
    no_answers: Counter[int] = Counter()
    ended: Counter[tuple[int, str, float | None]] = Counter()
    for of_case in outcomes:
        ends = [(o.item, o.category) for o in of_case.values() if o.stage is Stage.GENERATE and o.category]
        for outcome in of_case.values():
            if outcome.stage >= Stage.SCORE and outcome.ok and outcome.item < OF_CANDIDATES:
                counts = found.setdefault(outcome.item, Counter())
                no_answers[outcome.item] += outcome.category == NO_ANSWER
                if ends:  # the first candidate's counts
                    ended[outcome.item, min(ends)[1], outcome.value] += 1
                if outcome.value is not None:
                    counts[outcome.value] += 1
    tallies = {item: ScoreTally(no_answers[item]) for item in sorted(found)}
    for item, tally in tallies.items():
        tally.add_counted(found[item])
    for (item, end, value), cases in ended.items():
        tallies[item].note_end(end, value, cases)
    return tallies
