r"""Reading of answers to mathematical questions: as an exact number with a unit, else as a plain text.

Nothing is evaluated: `2^{10}` and `9**9**9` stay texts. Texts of more than a few hundred characters, and exponents of
more than a few hundred, stay texts too, so that reading is fast whatever the text holds.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from themis.core.builtins.answers.formula_text import (
    CELL,
    MATRIX_CLOSE,
    MATRIX_OPEN,
    ROW,
    SET_CLOSE,
    SET_OPEN,
    plain_formula,
    with_named_roots,
)
from themis.core.builtins.answers.unit_text import CURRENCIES, MAGNITUDES, Unit, is_measure, read_unit, same_unit

MAX_CHARACTERS = 512
MAX_EXPONENT = 400

# --- the surroundings of numbers -------------------------------------------------------------------------------------

_REPLACEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\(?:left|right|displaystyle)(?![A-Za-z])", ""),
        (r"\\[()\[\]]", " "),  # \( … \) and \[ … \]
        (r"\\[,!]|\{,\}(?=[0-9])", ""),  # a space that groups digits; a comma in braces does the same
        (r"\\[;: ]|~|\\q?quad(?![A-Za-z])", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:text|mbox|mathrm|mathbf|mathit|textbf|textrm|operatorname)\s?\{([^{}]*)\}", r" \1 "),
        (r"\^\s?\{?\s?\\circ\s?\}?|°|\\degree(?![A-Za-z])", " degrees "),
        (r"\^ ?\{? ?(st|nd|rd|th) ?\}?(?![A-Za-z])", r"\1"),  # 6^{\text{th}}
        (r"\\(?:times|cdot)(?![A-Za-z])|\xd7", " * "),
        (r"\\%", "%"),
        (r"(?<![0-9$])(?:\\\$|\$(?!.*\$)) ?(?=-?[.0-9])", "¤"),  # a single $ before a number is money, else it is LaTeX
        (r"\\?\$", " "),
    )
)
_SPECIAL = re.compile(r"[\\$~{°\xd7]")
_DASHES = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{FRACTION SLASH}": "/"})
_SPACE = re.compile(r"(?<![0-9]) +| +(?![0-9])")
_LONE_IN_PARENTHESES = re.compile(r"\([a-z]\)")
_EDGES = re.compile(rf"([,;()\[\]{CELL}{ROW}{MATRIX_OPEN}{MATRIX_CLOSE}{SET_OPEN}{SET_CLOSE}])")
_NAMED = re.compile(r"[A-Za-z]\w{0,20} ?= ?([^=]+)")


def tidy(text: str) -> str:
    """Return a short text without LaTeX's spacing and delimiters, ornaments, a leading `x =` and a final full stop."""
    text = " ".join(text.split())
    if len(text) > MAX_CHARACTERS:
        return text
    text = with_named_roots(_plain_characters(text))
    if _SPECIAL.search(text):
        for pattern, by in _REPLACEMENTS:
            text = pattern.sub(by, text)
    return _bare(text)


def _bare(text: str) -> str:
    text = " ".join(text.split()).strip("*_`:;, ").rstrip(".").strip("*_` ")
    named = _NAMED.fullmatch(text)
    return named[1] if named else text


def _plain_characters(text: str) -> str:
    return text if text.isascii() else "".join(map(_plain_character, text)).translate(_DASHES)


def _plain_character(character: str) -> str:
    """Return the NFKC form, but ½ stays apart from a digit before it and ² stays an exponent."""
    plain = unicodedata.normalize("NFKC", character)
    kind = unicodedata.decomposition(character)
    if kind.startswith("<fraction>"):
        return f" {plain}"
    return f"^{plain}" if kind.startswith("<super>") else plain


def comparable(text: str) -> str:
    """Return the comparable form of a text that is not a number.

    A formula written one way, without space (but between digits), case, ornaments, a leading `x =` and a final stop.
    """
    if len(text) > MAX_CHARACTERS:
        return "".join(text.split()).casefold()
    plain = _bare(plain_formula(_plain_characters(text)))
    plain = _SPACE.sub("", plain).casefold()
    return plain[1] if _LONE_IN_PARENTHESES.fullmatch(plain) else plain


def parts(text: str) -> list[str]:
    """Split a comparable text at the brackets, commas and cell borders of a tuple, a set or a matrix."""
    return _EDGES.split(text)


# --- numbers ---------------------------------------------------------------------------------------------------------

_DECIMAL = r"(?:(?:[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?![0-9])|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_SIGN = r"(?P<sign>[+-]?) ?"
_MONEY = r"(?P<money>[¤€£¥₹])? ?"
_INNER = r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_OVER = rf"(?:\{{ ?(?P<over>{_INNER}) ?\}}|(?P<digit_over>[0-9]))"
_UNDER = rf"(?:\{{ ?(?P<under>{_INNER}) ?\}}|(?P<digit_under>[0-9]))"
_POWER = r"(?:(?P<ten>[+-]?[0-9]+)|\{ ?(?P<braced_ten>[+-]?[0-9]+) ?\})"
_AMOUNT = "|".join(
    (
        rf"(?:(?P<whole>[0-9]+) ?)?\\frac ?{_OVER} ?{_UNDER}",
        r"(?P<mixed_whole>[0-9]+) (?P<mixed_over>[0-9]+) ?/ ?(?P<mixed_under>[0-9]+)",
        rf"(?P<dividend>{_DECIMAL}) ?/ ?(?P<divisor>{_DECIMAL})",
        rf"(?P<decimal>{_DECIMAL})(?:[eE](?P<e>[+-]?[0-9]+)| ?\* ?10 ?\^ ?{_POWER})?",
    )
)
_QUANTITY = re.compile(
    rf"(?:{_MONEY}{_SIGN}|(?P<sign2>-) ?(?P<money2>[¤€£¥₹]) ?)"
    rf"(?:{_AMOUNT})(?: ?(?P<percent>%))?(?P<rest>(?: ?[€£¥₹¤A-Za-z(/].*)?)"
)
_DIGITS = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact number as it was written.

    Attributes:
        value: the number before a percent sign.
        percent: whether a percent sign, or the word, follows it.
        unit: its unit; empty when none is given.
    """

    value: Fraction
    percent: bool = False
    unit: Unit = ()

    def equals(self, other: "Quantity") -> bool:
        """Whether both are the same amount.

        A unit on one side only is not a difference. Percent on one side only is either a unit (50 % and 50) or a
        hundredth (50 % and 0.5), but it never equals another unit (20 % and 20°).
        """
        if not same_unit(self.unit, other.unit):
            return False
        if self.percent is not other.percent and is_measure(self.unit + other.unit):
            return False
        if self.value == other.value:
            return True
        return self.value / (100 if self.percent else 1) == other.value / (100 if other.percent else 1)


def read_quantity(text: str) -> Quantity | None:
    """Return the number in a text with its percent sign and unit; None when the text is anything else or more."""
    if _DIGITS.fullmatch(text):
        return Quantity(Fraction(text))
    text = tidy(text)
    found = _QUANTITY.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    value = _value(found) if found else None
    if found is None or value is None:
        return None
    unit = read_unit(found["rest"])
    if unit is None:
        return None
    if unit and unit[0] in MAGNITUDES:
        value *= MAGNITUDES[unit[0]]
        unit = unit[1:]
    percent = bool(found["percent"]) or unit[:1] == ("percent",)
    money = (found["money"] or found["money2"] or "").translate(CURRENCIES).split()
    return Quantity(value, percent, (*money, *(word for word in unit if word not in {"percent", *money})))


def _value(found: re.Match[str]) -> Fraction | None:
    sign = -1 if "-" in (found["sign"], found["sign2"]) else 1
    if found["decimal"]:
        exponent = int(found["e"] or found["ten"] or found["braced_ten"] or 0)  # as short as the text
        if abs(exponent) > MAX_EXPONENT:
            return None
        return sign * _decimal(found["decimal"]) * Fraction(10) ** exponent
    parts = (
        (found["whole"], found["over"] or found["digit_over"], found["under"] or found["digit_under"]),
        (found["mixed_whole"], found["mixed_over"], found["mixed_under"]),
        (None, found["dividend"], found["divisor"]),
    )
    whole, over, under = next(part for part in parts if part[1])
    if not (divisor := _decimal(under)):
        return None
    return sign * (_decimal(whole or "0") + _decimal(over) / divisor)


def _decimal(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace(" ", "").rstrip(".") or "0")
