"""`KEY=VALUE` as the value of an option."""

from collections.abc import Callable

import click


class KeyValue(click.ParamType[tuple[str, str]]):
    """A key and its value, as `key=value`."""

    def __init__(self, name: str, example: str, check: Callable[[str, str], object] | None = None) -> None:
        """Describe the option `name` by an `example`; `check` raises ValueError for what it refuses."""
        self.name = name
        self._example = example
        self._check = check

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The key and the value in a text."""
        if isinstance(value, tuple):
            return value
        key, sign, said = str(value).partition("=")
        try:
            if self._check is not None:
                self._check(key, said if sign else "?")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not (key and sign):
            self.fail(f"{value!r} is not KEY=VALUE, as in {self._example}", param, ctx)
        return key, said
