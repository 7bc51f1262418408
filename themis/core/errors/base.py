"""Base classes of all errors: invalid input, a wrong state, something that is unavailable now."""

from typing import Any, ClassVar

from themis.core.text.masking import mask, masked


class ThemisError(Exception):
    """Something went wrong in Themis."""

    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        """Fill the class's docstring with `facts`; secrets that were resolved are masked in it."""
        facts = {name: masked(value) for name, value in facts.items()}
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        template = (self.__doc__ or f"{type(self).__name__}: {facts}").strip()
        super().__init__(mask(template.format_map(facts) if self.__doc__ else template))


class InputError(ThemisError, ValueError):
    """{detail}"""

    exit_code = 2


class StateError(ThemisError, RuntimeError):
    """{detail}"""


class UnavailableError(ThemisError, RuntimeError):
    """{detail}"""

    exit_code = 4
