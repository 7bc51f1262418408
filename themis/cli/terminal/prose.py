"""Sentences and facts on standard output, broken between words where a terminal would break them anywhere."""

from collections.abc import Iterable

from themis.cli.terminal.colours import Part, of_state, say_lines
from themis.cli.terminal.output import one_line, say
from themis.cli.terminal.widths import flowed, terminal_width, wrapped

_INDENT = 2
_NARROW = 50
_NAMES = 10


def say_text(text: str) -> None:
    """Print a sentence; it is one line where no terminal shows it."""
    width = terminal_width()
    for line in [one_line(text)] if width is None else wrapped(one_line(text), width, indent=_INDENT):
        say(line)


def say_command(about: str, command: str) -> None:
    """Print a command to type, unbroken so that it can be copied, with a few words that say what it is for."""
    width = terminal_width()
    together = f"{about}: {command}"
    for line in [together] if width is None or len(together) <= width else [f"{about}:", f"{' ' * _INDENT}{command}"]:
        say(line)


def say_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print named values, one below the other, without those that are empty; a long value goes on below itself."""
    shown = [(name, one_line(value)) for name, value in facts if value]
    size = max(_NAMES, *(len(name) for name, _ in shown)) + 1
    width = terminal_width()
    for name, value in shown:
        style = of_state(value) if name == "state" else None
        head = name.ljust(size)
        hanging = " " * (size if width is None or width >= _NARROW else _INDENT)
        lines = [f"{head}{value}"] if width is None else flowed(value.split(), width, first=head, then=hanging, gap=" ")
        first = lines[0].removeprefix(head)
        say_lines([(Part(head), Part(first, style)), *((Part(line),) for line in lines[1:])])
