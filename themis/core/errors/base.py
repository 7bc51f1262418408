"""The errors of which all others are kinds: what was asked, what stands, what cannot be had now."""

from typing import Any, ClassVar

from themis.core.text.masking import mask, masked


class ThemisError(Exception):
    """Something went wrong in Themis."""

    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        """Fill the class's docstring with `facts`, of which none shows a secret that was resolved."""
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
