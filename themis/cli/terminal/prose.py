"""Sentences and facts on standard output, broken between words where a terminal would break them anywhere."""

import time
from collections.abc import Iterable, Sequence

from themis.cli.terminal.colours import Part, of_state, say_lines
from themis.cli.terminal.output import one_line, say
from themis.cli.terminal.widths import flowed, terminal_width, wrapped

_INDENT = 2
_NARROW = 50
_NAMES = 10
_UNBROKEN = 10_000


def today_at_terminal() -> str | None:
    """The local date, for times in a table that is looked at now; None where no terminal shows it."""
    return None if terminal_width() is None else time.strftime("%Y-%m-%d")


def say_text(text: str) -> None:
    """Print a sentence; it is one line where no terminal shows it."""
    width = terminal_width()
    for line in [one_line(text)] if width is None else wrapped(one_line(text), width, indent=_INDENT):
        say(line)


def say_items(items: Iterable[str]) -> None:
    """Print items with commas between them; none is broken where there is another way."""
    parts = _parts(list(items))
    width = terminal_width()
    for line in [" ".join(parts)] if width is None else flowed(parts, width, first="", then=" " * _INDENT, gap=" "):
        say(line)


def say_state(state: str, items: Iterable[str], *, style: str | None = None) -> None:
    """Print a line that begins with a state in its colour, or another `style`; no item is broken if it need not be."""
    lines = flowed([state, *items], terminal_width() or _UNBROKEN, first="", then=" " * _INDENT)
    first = (Part(state, style or of_state(state)), Part(lines[0][len(state) :]))
    say_lines([first, *((Part(line),) for line in lines[1:])])


def say_command(about: str, command: str) -> None:
    """Print a command to type, unbroken so that it can be copied, with a few words that say what it is for."""
    width = terminal_width()
    together = f"{about}: {command}"
    for line in [together] if width is None or len(together) <= width else [f"{about}:", f"{' ' * _INDENT}{command}"]:
        say(line)


def say_facts(facts: Iterable[tuple[str, str | Sequence[str]]]) -> None:
    """Print named values, one below the other, without those that are empty; a long value goes on below itself.

    Args:
        facts: names and values; of a value of several parts none is broken where there is another way.
    """
    shown = [(name, [one_line(part) for part in _parts(value)]) for name, value in facts if value]
    size = max(_NAMES, *(len(name) for name, _ in shown)) + 1
    width = terminal_width()
    for name, parts in shown:
        head = name.ljust(size)
        hanging = " " * (size if width is None or width >= _NARROW else _INDENT)
        found = [head + " ".join(parts)] if width is None else flowed(parts, width, first=head, then=hanging, gap=" ")
        style = of_state(parts[0]) if name == "state" else None
        first = Part(found[0].removeprefix(head), style)
        say_lines([(Part(head), first), *((Part(line),) for line in found[1:])])


def _parts(value: str | Sequence[str]) -> Sequence[str]:
    """The words of a text; the parts of a value with a comma after each but the last."""
    return value.split() if isinstance(value, str) else [*(f"{part}," for part in value[:-1]), *value[-1:]]
