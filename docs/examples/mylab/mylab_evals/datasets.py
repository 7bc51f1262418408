"""A dataset: a function whose arguments are those under `with`, and which yields a mapping for each case."""

from collections.abc import Iterator


def sums(count: int = 10, step: int = 1) -> Iterator[dict[str, str | int]]:
    """Yield `count` questions, the same each time it is called."""
    for number in range(1, count + 1):
        yield {"question": f"{number} + {step}", "answer": str(number + step), "level": number % 3}
