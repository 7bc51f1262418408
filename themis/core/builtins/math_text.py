r"""How an answer to a mathematical question is read: as an exact number with a unit, else as a plain text.

Nothing is evaluated: `2^{10}` and `9**9**9` stay texts. Texts beyond a few hundred characters, and exponents beyond a
few hundred, stay texts too, so that reading takes the same short time whatever the text holds.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARACTERS = 512
MAX_EXPONENT = 400

# --- what stands around numbers --------------------------------------------------------------------------------------

_REPLACEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\(?:left|right|displaystyle)(?![A-Za-z])", ""),
        (r"\\[()\[\]]", " "),  # \( … \) and \[ … \]
        (r"\\[,!]|\{,\}(?=[0-9])", ""),  # a space that groups digits; a comma in braces does the same
        (r"\\[;: ]|~|\\q?quad(?![A-Za-z])", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:text|mbox|mathrm|mathbf|mathit|textbf|textrm|operatorname)\s?\{([^{}]*)\}", r" \1 "),
        (r"\^\s?\{?\s?\\circ\s?\}?|°", " degrees "),
        (r"\\(?:times|cdot)(?![A-Za-z])|\xd7", " * "),
        (r"\\%", "%"),
        (r"(?<![0-9$])(?:\\\$|\$(?!.*\$)) ?(?=-?[.0-9])", "¤"),  # a single $ before a number is money, else it is LaTeX
        (r"\\?\$", " "),
    )
)
_SPECIAL = re.compile(r"[\\$~{°\xd7]")
_CURRENCIES = str.maketrans({"¤": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₹": "rupee"})
_DASHES = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{FRACTION SLASH}": "/"})
_NAMED = re.compile(r"[A-Za-z]\w{0,20} ?= ?([^=]+)")


def tidy(text: str) -> str:
    """A short text without LaTeX's spacing and delimiters, ornaments, a leading `x =` and a final full stop."""
    text = " ".join(text.split())
    if len(text) > MAX_CHARACTERS:
        return text
    if not text.isascii():
        text = "".join(map(_plain_character, text)).translate(_DASHES)
    if _SPECIAL.search(text):
        for pattern, by in _REPLACEMENTS:
            text = pattern.sub(by, text)
    text = " ".join(text.split()).strip("*_`:;, ").rstrip(".").strip("*_` ")
    named = _NAMED.fullmatch(text)
    return named[1] if named else text


def _plain_character(character: str) -> str:
    """NFKC, but ½ stays apart from a digit before it and ² stays an exponent."""
    plain = unicodedata.normalize("NFKC", character)
    kind = unicodedata.decomposition(character)
    if kind.startswith("<fraction>"):
        return f" {plain}"
    return f"^{plain}" if kind.startswith("<super>") else plain


def comparable(text: str) -> str:
    """What is left of a text that is not a number, for comparing it with another one: no case, no space, few braces."""
    return re.sub(r"\{(\w)\}", r"\1", tidy(text).replace(" ", "").casefold())


# --- numbers ---------------------------------------------------------------------------------------------------------

_DECIMAL = r"(?:(?:[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?![0-9])|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_SIGN = r"(?P<sign>[+-]?) ?"
_MONEY = r"(?P<money>[¤€£¥₹])? ?"
_BRACED = r"\{ ?(?P<over>-?[0-9]+) ?\} ?\{ ?(?P<under>[0-9]+) ?\}"
_POWER = r"(?:(?P<ten>[+-]?[0-9]+)|\{ ?(?P<braced_ten>[+-]?[0-9]+) ?\})"
_AMOUNT = "|".join(
    (
        rf"(?:(?P<whole>[0-9]+) ?)?\\frac ?(?:{_BRACED}|(?P<digit_over>[0-9]) ?(?P<digit_under>[0-9]))",
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
_MAGNITUDES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SYNONYMS = {"usd": "dollar", "eur": "euro", "gbp": "pound", "jpy": "yen", "inr": "rupee", "percentage": "percent"}
_ATTACHED = frozenset(
    re.split(",", "km,cm,mm,kg,mg,ml,lb,lbs,oz,ft,mi,mph,kph,kmh,hr,hrs,min,mins,sec,secs,am,pm,usd,eur,gbp")
)
_ONE_LETTER = frozenset("mghslvwk")
_MATHEMATICS = frozenset(
    re.split(",", "pi,sqrt,sin,cos,tan,log,ln,exp,inf,infinity,or,and,to,mod,choose,factorial,squared,cubed")
)
_REST = re.compile(r"[^0-9=\\+*!<>{}\[\]|]*(?:(?<=[A-Za-z])\^?[0-9](?![0-9])[^0-9=\\+*!<>{}\[\]|]*)?")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact number as it was written.

    Attributes:
        value: the number before a percent sign.
        percent: whether a percent sign, or the word, follows it.
        unit: first word of its unit, in the singular; None without one.
    """

    value: Fraction
    percent: bool = False
    unit: str | None = None

    def equals(self, other: "Quantity") -> bool:
        """Whether both are the same amount.

        A unit on one side only is no difference. Percent on one side only is either a unit (50 % and 50) or a
        hundredth (50 % and 0.5).
        """
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.value == other.value:
            return True
        return self.value / (100 if self.percent else 1) == other.value / (100 if other.percent else 1)


def read_quantity(text: str) -> Quantity | None:
    """The number that a text is, with what belongs to it; None when it is anything else or more."""
    if _DIGITS.fullmatch(text):
        return Quantity(Fraction(text))
    text = tidy(text)
    found = _QUANTITY.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    value = _value(found) if found else None
    if found is None or value is None:
        return None
    words = _unit_words(found["rest"])
    if words is None:
        return None
    if words and words[0] in _MAGNITUDES:
        value *= _MAGNITUDES[words.pop(0)]
    percent = bool(found["percent"]) or words[:1] == ["percent"]
    money = found["money"] or found["money2"]
    unit = money.translate(_CURRENCIES) if money else next((word for word in words if word != "percent"), None)
    return Quantity(value, percent, unit)


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


def _unit_words(rest: str) -> list[str] | None:
    """The words after a number, in the singular; None when they are not a unit but more mathematics."""
    if not rest:
        return []
    if not _REST.fullmatch(rest):
        return None
    words = [word.lower() for word in _WORD.findall(rest.translate(_CURRENCIES))]
    attached = rest[0].isalpha() and rest[0].isascii()
    if attached and words[0] not in _ATTACHED and words[0] not in _MAGNITUDES:
        return None
    if any(word in _MATHEMATICS or (len(word) == 1 and word not in _ONE_LETTER) for word in words if word != "a"):
        return None
    words = [word.rstrip("s") if len(word) > len("ms") else word for word in words]
    return [_SYNONYMS.get(word, word) for word in words] or None
