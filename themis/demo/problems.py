"""Seeded generator of arithmetic word problems, each with its working and its answer."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NAMES = ("Amara", "Bruno", "Chen", "Dalia", "Emeka", "Freya", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena")


@dataclass(frozen=True, slots=True)
class Problem:
    """A question whose answer is a whole number.

    Attributes:
        case_id: `problem-<n>`, n from 1.
        question: text of the problem.
        answer: the number, as text.
        topic: kind of story.
        working: one line per step, `<number> <operation> <number> = <result>`; each continues from the last result.
    """

    case_id: str
    question: str
    answer: str
    topic: str
    working: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Number of steps in the working: its difficulty."""
        return len(self.working)


class _Story:
    """A story: sentences, with the calculation that they describe."""

    def __init__(self, number: int, sentence: str) -> None:
        self.total = number
        self.sentences = [sentence]
        self.working: list[str] = []

    def then(self, operation: str, number: int, sentence: str) -> None:
        """Add one step to the story."""
        before = self.total
        results = {"+": before + number, "-": before - number, "*": before * number, "/": before // number}
        self.total = results[operation]
        self.working.append(f"{before} {operation} {number} = {self.total}")
        self.sentences.append(sentence)

    def ask(self, question: str) -> str:
        """Return the whole text, ending in `question`."""
        return " ".join([*self.sentences, question])


_Template = Callable[[random.Random, str, int], tuple[_Story, str]]


def make_problems(count: int, seed: int) -> Iterator[Problem]:
    """Yield `count` problems of one to six steps; the same ones for the same seed, whatever the count."""
    chance = random.Random(seed)  # noqa: S311  # stories, not secrets
    templates = tuple(_TEMPLATES.items())
    for number in range(1, count + 1):
        topic, template = chance.choice(templates)
        story, question = template(chance, chance.choice(_NAMES), chance.randint(1, 6))
        yield Problem(f"problem-{number:04d}", story.ask(question), str(story.total), topic, tuple(story.working))


def _orchard(chance: random.Random, name: str, steps: int) -> tuple[_Story, str]:
    trees = chance.randint(3, 12)
    story = _Story(trees, f"{name} has {trees} apple trees.")
    each = chance.randint(4, 25)
    story.then("*", each, f"Each tree gives {each} apples.")
    for _ in range(steps - 1):
        if story.total > 40 and chance.random() < 0.5:  # noqa: PLR2004  # enough apples to lose some
            lost = chance.randint(3, 30)
            story.then("-", lost, f"The birds eat {lost} apples.")
        else:
            more = chance.randint(5, 60)
            story.then("+", more, f"A neighbour brings {more} more apples.")
    return story, f"How many apples does {name} have now?"


def _savings(chance: random.Random, name: str, steps: int) -> tuple[_Story, str]:
    start = chance.randint(20, 200)
    story = _Story(start, f"{name} has {start} dollars in a savings box.")
    for _ in range(steps):
        kind = chance.randrange(3)
        if kind == 0 and story.total < 2_000:  # noqa: PLR2004  # a box, not a bank
            times = chance.randint(2, 3)
            story.then("*", times, f"An aunt promises to make it {times} times as much, and keeps her word.")
        elif kind == 1 and story.total > 30:  # noqa: PLR2004  # something to spend
            price = chance.randint(5, 25)
            story.then("-", price, f"A book costs {price} dollars and {name} buys it.")
        else:
            wage = chance.randint(8, 90)
            story.then("+", wage, f"A week of work brings in {wage} dollars.")
    return story, f"How many dollars are in {name}'s box?"


def _bakery(chance: random.Random, name: str, steps: int) -> tuple[_Story, str]:
    size = chance.randint(4, 12)
    boxes = chance.randint(6, 30)
    story = _Story(boxes, f"{name}'s bakery packs rolls in boxes of {size}, and {boxes} boxes were packed today.")
    story.then("*", size, "All boxes are full.")
    for _ in range(steps - 2):
        dozen = chance.randint(2, 20)
        story.then("+", dozen, f"Then {dozen} rolls more come out of the oven.")
    if steps > 1:
        shops = chance.choice((2, 3, 4, 5))
        if spare := story.total % shops:
            story.then("-", spare, f"The baker's children eat {spare} of them.")
        story.then("/", shops, f"What there is goes to {shops} shops in equal parts.")
        return story, "How many rolls does each shop get?"
    return story, "How many rolls are there?"


def _journey(chance: random.Random, name: str, steps: int) -> tuple[_Story, str]:
    speed = chance.randint(12, 80)
    story = _Story(speed, f"{name} travels at {speed} kilometres an hour.")
    hours = chance.randint(2, 9)
    story.then("*", hours, f"The first part of the journey takes {hours} hours.")
    for leg in range(steps - 1):
        length = chance.randint(5, 150)
        how = ("by bus", "on foot and by ferry", "by train")[leg % 3]
        story.then("+", length, f"Then come {length} kilometres {how}.")
    return story, f"How many kilometres long is {name}'s whole journey?"


_TEMPLATES: dict[str, _Template] = {
    "orchard": _orchard,
    "savings": _savings,
    "bakery": _bakery,
    "journey": _journey,
}
