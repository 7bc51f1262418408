"""A row of the table of mistakes."""

from dataclasses import dataclass
from typing import Literal

from tests.acceptance.mistakes.lab import Doing

Grade = Literal["A", "B", "works"]


@dataclass(frozen=True)
class Mistake:
    """A mistake that a person makes, and what has to be said about it.

    Attributes:
        number: of the mistake; some have several forms, told apart by a letter.
        what: the mistake.
        grade: given by a person to the message as it is printed: A for one clear line that says what, where and what to
            do; B for one that is understandable; `works` where it is not a mistake any more.
        make: makes it, and returns what the command came to.
        code: the exit code.
        words: what must be among the messages, or, where it works, on standard output.
        never: what must not be among them.
        unless: the reason why this is not so yet.
        is_slow: whether it takes a process of its own, and so about a second of a processor.
    """

    number: str
    what: str
    grade: Grade
    make: Doing
    code: int
    words: tuple[str, ...]
    never: tuple[str, ...] = ()
    unless: str | None = None
    is_slow: bool = False
