"""The session: two workers, five experiments, and what one does with them, from four terminals."""

import os
import re
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.screens.lab import MODELS, furnish
from tests.screens.terminal import CTRL_C, Terminal

COLUMNS, LINES = 120, 40
WORKERS = 2
PAUSE_REASON = "the endpoint moves"


class Screen(NamedTuple):
    """What a terminal showed.

    Attributes:
        about: what is to be seen, for the reader.
        lines: each as long as it was written.
    """

    about: str
    lines: list[str]


class Session:
    """Four terminals in one folder: two for workers, one that watches, and one to type in."""

    def __init__(self, folder: Path) -> None:
        """In `folder`, which must be empty."""
        self._folder = folder
        self._stack = ExitStack()

    def screens(self) -> Iterator[Screen]:
        """Do it, and give each screen when it is worth a look."""
        furnish(self._folder)
        with self._stack:
            self._anna, self._berta, self._watch, self._mine = (self._terminal() for _ in range(4))
            try:
                yield from self._begin()
                yield from self._watch_and_cancel()
                yield from self._pause_and_resume()
                yield from self._retry_and_wait()
                yield from self._stop()
            finally:
                for worker in (self._anna, self._berta):
                    worker.press(CTRL_C + CTRL_C)

    def _terminal(self) -> Terminal:
        terminal = Terminal(self._folder, environment(), columns=COLUMNS, lines=LINES)
        return self._stack.enter_context(terminal)

    def _begin(self) -> Iterator[Screen]:
        for worker, name in ((self._anna, "anna"), (self._berta, "berta")):
            worker.begin(f"themis worker --name {name}")
            worker.until_shows("worker begins")
        yield Screen("A worker is started in one terminal, and a second one, `berta`, in another.", self._anna.text)
        for model in MODELS:
            self._mine.run(f"themis submit --config {model.name}.yaml")
        yield Screen("In a third terminal five experiments are submitted.", self._mine.text)
        self._watch.begin("themis queue watch")
        self._mine.clear()
        self._mine.run("themis queue list")
        yield Screen("Two of them are taken at once, one by each worker; three wait for their turn.", self._mine.text)

    def _watch_and_cancel(self) -> Iterator[Screen]:
        self._watch.until(lambda: self._cases() >= 24)  # enough for a rate and a bar
        yield Screen("A fourth terminal watches: `themis queue watch`.", self._watch.text)
        seen = self._cases()
        self._watch.until(lambda: self._cases() >= seen + 24)
        yield Screen("The same, a few seconds later.", self._watch.text)
        key = self._running()[1]
        self._mine.clear()
        self._mine.run(f"themis queue cancel {key}")
        self._watch.until(lambda: self._watch.shows("cancelled") and key not in self._running())
        self._mine.run(f"themis queue show {key}")
        self._cancelled = key
        yield Screen("One running job is cancelled. Its worker stops it and takes the next one.", self._mine.text)

    def _pause_and_resume(self) -> Iterator[Screen]:
        self._mine.clear()
        self._mine.run(f'themis queue pause --reason "{PAUSE_REASON}"')
        self._watch.until(lambda: self._watch.shows("paused") and not self._running())
        self._mine.run("themis queue list")
        yield Screen("The queue is paused. Running jobs continue to their end, and no other is taken.", self._mine.text)
        yield Screen("The watch, meanwhile:", self._watch.text)
        self._mine.clear()
        self._mine.run("themis queue resume")

    def _retry_and_wait(self) -> Iterator[Screen]:
        self._mine.run(f"themis queue retry {self._cancelled}")
        self._mine.run("themis status --wait")
        yield Screen(
            "The queue is resumed, and the cancelled one retried: what it had done is kept. `status --wait` returns "
            "when all have ended.",
            self._mine.text,
        )

    def _stop(self) -> Iterator[Screen]:
        self._mine.clear()
        self._mine.run("themis worker list")
        self._mine.run("themis worker stop --all --wait 30")
        self._mine.run("themis worker list")
        for worker in (self._anna, self._berta):
            worker.until_shows("worker ends")
        yield Screen("The workers are asked to end, and do so.", self._mine.text)
        yield Screen("Meanwhile `anna` wrote in her terminal:", self._anna.text)
        yield Screen("And `berta` wrote in hers:", self._berta.text)

    # --- what the watch shows

    def _running(self) -> list[str]:
        """The beginnings of the keys of the jobs that run."""
        return [row.split()[0] for row in self._rows("running")]

    def _cases(self) -> int:
        """How many cases of the jobs that run have ended: of the one that is behind, 0 unless both workers have one."""
        done = [int(found[1]) for row in self._rows("running") if (found := re.search(r"(\d+)/\d", row))]
        return min(done) if len(done) == WORKERS else 0

    def _rows(self, section: str) -> list[str]:
        text = self._watch.text
        if section not in text:
            return []
        rows = text[text.index(section) + 2 :]
        return rows[: rows.index("")] if "" in rows else rows


def environment() -> Mapping[str, str]:
    """What the commands find around them: this installation first, and nothing that changes how things look."""
    left_out = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "THEMIS_DEBUG", "THEMIS_OUTPUT"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "TZ": "UTC", "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
