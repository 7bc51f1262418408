"""Watch for calls of components that have stalled: they run for much longer than others do.

It looks at the running calls now and then. A call that is seen in two looks has lasted for the time between them: so
calls cost no clock, and those that are over between two looks are never seen, and need not be.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from themis.core.engine.cases.step import RunningCall
from themis.core.outcomes.stages import NAMES
from themis.core.text.lines import cut, one_line
from themis.core.text.masking import mask
from themis.core.values.stalled_call import StalledCall

STALLED_S = 30.0
"""Seconds that a call must have been running at least."""

TIMES_THE_USUAL = 10.0
"""How many times as long as the usual call of its kind, the median of the last ones."""

UNKNOWN_S = 120.0
"""Seconds that the first calls of a kind must have been running, while none has ended."""

_REMEMBERED = 101
_MOST_BYTES = 200


class StallWatch:
    """Knows since when calls have been running; for one observer, in one thread."""

    def __init__(
        self, running: Callable[[], Sequence[RunningCall]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Watch the calls that `running` returns; `clock` is in seconds."""
        self._running = running
        self._clock = clock
        self._since: dict[int, tuple[RunningCall, float]] = {}
        self._lasted: dict[Any, deque[float]] = {}

    def look(self) -> StalledCall | None:
        """Look at the running calls; returns the one that has stalled for longest, if one has."""
        now = self._clock()
        calls = {id(call): call for call in self._running()}
        for key in self._since.keys() - calls.keys():
            (step, _), since = self._since.pop(key)
            self._lasted.setdefault(step.key, deque(maxlen=_REMEMBERED)).append(now - since)
        for key, call in calls.items():
            self._since.setdefault(key, (call, now))  # which keeps the call, so that its id is not used again
        patience = {key: max(STALLED_S, TIMES_THE_USUAL * _median(lasted)) for key, lasted in self._lasted.items()}
        stalled = [
            (since, call) for call, since in self._since.values() if now - since > patience.get(call[0].key, UNKNOWN_S)
        ]
        if not stalled:
            return None
        since, call = min(stalled, key=lambda entry: entry[0])
        return _described(call, now - since, len(stalled) - 1)


def _median(times: Sequence[float]) -> float:
    return sorted(times)[len(times) // 2]


def _described(call: RunningCall, for_s: float, others: int) -> StalledCall:
    step, work = call
    component = getattr(step.component, "component_id", None) or type(step.component).__name__
    return StalledCall(
        case_id=_shown(work.case.case_id),
        dataset_id=_shown(work.dataset.dataset_id),
        stage=NAMES[step.stage].span,
        component=_shown(component),
        for_s=round(for_s, 1),
        others=others,
    )


def _shown(text: Any) -> str:
    return one_line(cut(mask(str(text)), _MOST_BYTES))
