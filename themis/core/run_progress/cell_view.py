"""Progress below a notebook's cell: one output, which changes until the end."""

import time

from themis.core.python.notebook import show_below_cell
from themis.core.run_progress.words import Progress, describe, ended
from themis.core.text.lines import cut, one_line
from themis.core.text.markup import shown
from themis.core.text.masking import mask

CELL_EVERY_S = 0.25

_STARTING = "preparing the run"
_STORED = "the run is stored already: nothing was run"


class CellView:
    """The output of one run; it is there at once, so that it stands below the cell that began the run."""

    def __init__(self) -> None:
        """Show that the run is being prepared."""
        self._began_s = time.monotonic()
        self._said = ""
        self._shown = _forms(_STARTING)
        self._update = show_below_cell(self._shown)

    def say(self, text: str) -> None:
        """Show a message from now on; it takes the place of an earlier one."""
        self._said = text

    def show(self, progress: Progress, rate: float) -> None:
        """Show how far the run is."""
        self._show(_forms(describe(progress, rate), self._said, bar=progress))

    def close(self) -> None:
        """Do nothing: `end` says how it ended."""

    def end(self, progress: Progress, *, stopped: bool) -> None:
        """Show how far the run came; it was `stopped` by an error or an interruption, or went on to its end."""
        if not progress.total:
            self._show(_forms("stopped before the first case" if stopped else _STORED))
            return
        text = ended(progress, time.monotonic() - self._began_s)
        self._show(_forms(f"stopped at {text}" if stopped else text, bar=progress))

    def _show(self, forms: dict[str, str]) -> None:
        if forms != self._shown:
            self._shown = forms
            self._update(forms)


def _forms(text: str, note: str = "", *, bar: Progress | None = None) -> dict[str, str]:
    """Return a text, and a note below it, by media type; each text is escaped, as providers write some."""
    lines = [one_line(cut(mask(line))) for line in (text, note) if line]
    drawn = "" if bar is None else f'<progress value="{bar.done:d}" max="{bar.total:d}"></progress> '
    return {"text/plain": "\n".join(lines), "text/html": drawn + "<br>".join(map(shown, lines))}
