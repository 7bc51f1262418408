"""An event loop that runs what is ready in any order, and not all of it in one turn, as its seed decides."""

import asyncio
import random
from typing import Any


class ReorderedLoop(asyncio.SelectorEventLoop):
    """Nothing promises that callbacks come in the order in which they were asked for; here they do not."""

    def __init__(self, seed: int) -> None:
        """Orders follow from `seed`."""
        super().__init__()
        self._dice = random.Random(seed)

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]  # what every loop of CPython has
        held: list[Any] = []
        if len(ready) > 1:
            shuffled = [ready.popleft() for _ in range(len(ready))]  # other threads may append meanwhile
            self._dice.shuffle(shuffled)
            now = self._dice.randint(1, len(shuffled))
            ready.extend(shuffled[:now])
            held = shuffled[now:]
        super()._run_once()  # type: ignore[misc]
        ready.extend(held)
