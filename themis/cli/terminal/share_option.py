"""Shares on the command line: 2% or 0.02."""

import math

import click

LEAST = 1e-6
"""Smallest share: sizes that follow from it are still numbers that mean something."""


class Share(click.ParamType[float]):
    """A share of a whole, more than 0 and at most 100 %; a number without `%` is less than 1.

    `1` and `2` are refused: one would mean a hundred per cent, but is written by people who mean one.
    """

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share in a text."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        digits = text.removesuffix("%").rstrip()
        try:
            number = float(digits)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or "_" in digits:
            self.fail(f"{text!r} is not a share: write it like 2% or 0.02", param, ctx)
        is_percent = text.endswith("%")
        if number >= 1 and not is_percent:
            hint = f": write {digits}% or {number / 100:g}" if number <= 100 else ""  # noqa: PLR2004  # per cent
            self.fail(f"{text!r} is not a share{hint}", param, ctx)
        share = number / 100 if is_percent else number
        if not LEAST <= share <= 1:
            self.fail(f"{text!r} is not a share from {LEAST * 100:.4f}% to 100%", param, ctx)
        return share
