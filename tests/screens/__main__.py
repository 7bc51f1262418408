"""`python -m tests.screens [FILE]`: hold the terminal session, write the page that shows it, and capture the tables."""

import sys
import tempfile
from pathlib import Path

from tests.screens import captured
from tests.screens.page import page
from tests.screens.session import COLUMNS, Session

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "terminal-session.md"


def main() -> None:
    """Write the page to FILE; without one, to where it stands in the documentation, and the tables beside this file."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    with tempfile.TemporaryDirectory(prefix="themis-") as folder:
        place = Path(folder).resolve()
        text = page(Session(place).screens(), place, COLUMNS)
    file.write_text(text, encoding="utf-8")
    if file == PAGE:
        with tempfile.TemporaryDirectory(prefix="themis-") as folder:
            lab = Path(folder).resolve()
            for screen in captured.screens(lab):
                captured.write(screen, lab)


if __name__ == "__main__":
    main()
