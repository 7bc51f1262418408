"""Reading of the unit after a number: as a few canonical words, so that 5 square meters equal 5 m² but not 5 ft²."""

import re

MAGNITUDES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
CURRENCIES = str.maketrans({"¤": " dollar ", "€": " euro ", "£": " pound ", "¥": " yen ", "₹": " rupee "})

_LENGTHS = """
m meter metre; km kilometer kilometre; cm centimeter centimetre; mm millimeter millimetre; ft foot feet; inch inche;
yd yard; mi mile
"""
_OTHERS = """
g gram gramme; kg kilogram kilo kgs; mg milligram; oz ounce; l liter litre; ml milliliter millilitre; gal gallon;
s sec second; min minute; h hr hour; day; week; month; year yr; deg degree; percent percentage pct; dollar usd buck;
cent; euro eur; pound gbp lb; yen jpy; rupee inr; f fahrenheit; c celsius; k kelvin; w watt; v volt; n newton; j joule
"""
_ALSO = {"mph": ("mi", "per", "h"), "kph": ("km", "per", "h"), "kmh": ("km", "per", "h")}
_PER = "per"
_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3"}
_AFTERWARDS = {"squared": "^2", "cubed": "^3"}
_FILLERS = frozenset(("the", "of", "in", "total", "each", "more", "left", "altogether", "all", "about"))
_ORDINALS = frozenset(("st", "nd", "rd", "th"))
_MAY_BE_JOINED = """
g l km cm mm kg mg ml lb lbs oz ft mi mph kph kmh hr hrs min mins sec secs am pm usd eur gbp jpy inr
"""
_ARE_MATHEMATICS = """
pi sqrt sin cos tan log ln exp inf infinity and or to mod choose factorial squared cubed
"""
_JOINED = frozenset(_MAY_BE_JOINED.split()) | MAGNITUDES.keys()
_MATHEMATICS = frozenset(_ARE_MATHEMATICS.split())
_TOKEN = re.compile(r"[^\W\d_]+|\^ ?\{?[0-9]\}?|(?<=[A-Za-z])[23](?![0-9])|[^\w\\=+*!<>{}\[\]|^]")
_SHORTEST_PLURAL = 3


def _table(lines: str) -> dict[str, str]:
    groups = [group.split() for group in lines.replace("\n", " ").split(";")]
    return {name: group[0] for group in groups for name in group}


_LENGTH_NAMES = _table(_LENGTHS)
_NAMES = _LENGTH_NAMES | _table(_OTHERS)
_KNOWN = frozenset(_NAMES.values())
_LENGTH = frozenset(_LENGTH_NAMES.values())
_SYMBOLS = frozenset("mghslvwkJN")  # the others of one letter are variables
_DEGREES = frozenset("fck")

Unit = tuple[str, ...]
"""Canonical words, in their order: a known unit ends in its power (`m^2`), and `per` precedes a divisor."""


def read_unit(rest: str) -> Unit | None:
    """Return the unit that follows a number; empty without one, None when it is not a unit but more mathematics."""
    rest = rest.translate(CURRENCIES)
    tokens = _TOKEN.findall(rest)
    if "".join(tokens) != rest:
        return None  # something in it is neither a word nor punctuation
    words: list[str] = []
    power = ""
    attached = rest[:1].isascii() and rest[:1].isalpha()
    for number, sign in enumerate(tokens):
        raised = _AFTERWARDS.get(sign) or (f"^{sign.strip('^ {}')}" if sign[0] in "^0123456789" else "")
        if raised:
            if not words or words[-1] not in _KNOWN:
                return None
            words[-1] += raised
        elif sign == "/":
            words.append(_PER)
        elif sign.isalpha():
            found = _words_of(sign, joined=attached and number == 0, after=words[-1] if words else "")
            if found is None:
                return None
            words += [word + power for word in found]
            power = _POWERS.get(sign.lower(), "")
    return tuple(words)


def _words_of(written: str, *, joined: bool, after: str) -> Unit | None:
    """Return the canonical words for a word, which may be joined to its number; None when it is not part of a unit."""
    word = written.lower()
    if word == "a" or word in _POWERS or (joined and word in _ORDINALS):
        return ()
    is_variable = len(word) == 1 and not ({word, written} & _SYMBOLS or (after == "deg" and word in _DEGREES))
    if is_variable or word in _MATHEMATICS or (joined and word not in _JOINED):
        return None
    singular = word.rstrip("s") if len(word) >= _SHORTEST_PLURAL else word
    return _ALSO.get(word) or (_NAMES.get(word) or _NAMES.get(singular) or singular,)


def same_unit(one: Unit, other: Unit) -> bool:
    """Whether two units can mean the same: a unit on one side only, or a more detailed one, is not a difference."""
    short, long = sorted((_measures(one), _measures(other)), key=len)
    if short:
        if long[len(short) : len(short) + 1] == [_PER] and short[-1] in _LENGTH:
            return False  # a speed is not a length, but dollars per day are dollars
        return long[: len(short)] == short
    meant, others_meant = (set(unit) - _FILLERS for unit in (one, other))
    return not meant or not others_meant or bool(meant & others_meant)


def is_measure(unit: Unit) -> bool:
    """Whether a unit is a unit of measure or money."""
    return bool(_measures(unit))


def _measures(unit: Unit) -> list[str]:
    """Return the words of measure or money in a unit; empty when they only follow `per`."""
    words = [word for word in unit if word == _PER or word.partition("^")[0] in _KNOWN]
    return [] if words[:1] == [_PER] else words
