"""Numbers in plain decimal writing, read exactly."""

import re
from decimal import Decimal
from fractions import Fraction

from themis.core.base import JSONValue
from themis.core.builtins.answers.math_text import MAX_CHARACTERS, MAX_EXPONENT

_NUMBER = re.compile(r"([+-]?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,4}))?", re.ASCII)
_MINUS = "\N{MINUS SIGN}"


def decimal_of(value: JSONValue) -> Fraction | None:
    """Return the exact value of a number, or of a text that is one; None when it is none.

    A text may have a sign, a decimal point, an exponent and commas between thousands: `-1,234.5e-3`. A float counts as
    its shortest decimal, so that 0.1 equals "0.1". Units are not read. A number of more than 512 characters, or with an
    exponent beyond 400, is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and value.bit_length() > MAX_CHARACTERS * 3:
        return None
    text = (value if isinstance(value, str) else repr(value)).strip().replace(_MINUS, "-")
    found = _NUMBER.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if found is None or abs(int(found[3] or 0)) > MAX_EXPONENT:
        return None
    return Fraction(Decimal(text.replace(",", "")))
