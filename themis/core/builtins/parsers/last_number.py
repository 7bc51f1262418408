"""Parser that takes the last number of a text."""

import re
import unicodedata
from typing import Final

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+"
_NUMBER = re.compile(
    # Not inside a word or another number: H2O, v1.2.3.
    r"(?<![\w.])"
    r"(?P<sign>(?<![0-9)\]}] )(?<![0-9A-Za-z)\]}])[+-])?"
    r"(?:[$€£¥₹] ?)?"
    rf"(?:(?P<whole>{_DIGITS})(?P<part>\.[0-9]+)?|(?P<bare>\.[0-9]+))"
    r"(?:[eE](?P<e>[+-]?[0-9]{1,4})(?!\w)"
    r"| ?(?:\*|\xd7|\\times|\\cdot) ?10 ?\^ ?\{?(?P<ten>[+-]?[0-9]{1,4})\}?"
    r"|(?P<over>(?:/[0-9]+)+)(?!\.?[0-9]))?"
)
_PLAIN: Final = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{FRACTION SLASH}": "/"})
_GROUPED = re.compile(
    r"(?<=[0-9])(?:\{,\}|\\,|[\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}])(?=[0-9]{3})"
)


class LastNumber(BuiltinComponent):
    r"""Takes the last number of the text, written plainly: `-1234.5`, `3/4`, `2e10`.

    Commas, `{,}` and narrow spaces that group digits, signs of currencies and a plus are left out, and so is what
    follows the number (`%`, units, a full stop). Digits of other scripts count as `0` to `9`. `2 \times 10^3` is one
    number, and `3/4` is a fraction. A minus after a digit or a letter is not a sign: the last number of `10-12` is 12.
    None when there is no number.
    """

    component_id = "builtin/last_number"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the last number in the output."""
        return ParsedOutput(value=last_number(text_of(candidate.final_output) or ""), format="number")


def last_number(text: str) -> str | None:
    """Return the last number in a text, written plainly; None when there is none."""
    text = _GROUPED.sub(",", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    found = None
    for found in _NUMBER.finditer(text):  # noqa: B007  # the last one counts
        pass
    return None if found is None else _plain(found)


def _plain(found: re.Match[str]) -> str:
    _, _, last = (found["over"] or "").rpartition("/")
    if last and f"/{last}" != found["over"]:
        return last  # of a date
    sign = "-" if found["sign"] == "-" else ""
    whole = (found["whole"] or "0").replace(",", "")
    power = found["e"] or found["ten"]
    fraction = found["part"] or found["bare"] or ""
    return f"{sign}{whole}{fraction}{f'e{int(power)}' if power else ''}{found['over'] or ''}"
