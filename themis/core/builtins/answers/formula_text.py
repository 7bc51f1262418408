r"""Reading of LaTeX formulas: one plain text for all the ways to write a formula.

`\dfrac{1}{2}`, `\frac12` and `1/2` become `1/2`, `\leq`, `\le` and `≤` become `≤`, and spacing is removed. Nothing is
computed, and nothing is rearranged. One pass over the text, with a stack for its braces.
"""

import re
import unicodedata

ROW, CELL = "\N{BROKEN BAR}", "&"
MATRIX_OPEN, MATRIX_CLOSE = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
SET_OPEN, SET_CLOSE = "\N{LEFT WHITE CURLY BRACKET}", "\N{RIGHT WHITE CURLY BRACKET}"

_TOKEN = re.compile(r"\\\\|\\[A-Za-z]+\*?|\\\S|\s+|.", re.DOTALL)
_ATOM = re.compile(r"[0-9]*\.?[0-9]+|.|√(?:\[[^()]*\])?\([^()]*\)|\([^()]*\)", re.DOTALL)
_ARRAY_OPEN, _ARRAY_CLOSE = "\N{LEFT S-SHAPED BAG DELIMITER}", "\N{RIGHT S-SHAPED BAG DELIMITER}"

_LAST_ROW_END = re.compile(rf"\s*{ROW}\s*{MATRIX_CLOSE}")

_GREEK_LETTERS = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
"""
_SIGNS_BY_NAME = {
    "≤": "le leq leqslant", "≥": "ge geq geqslant", "≠": "ne neq", "<": "lt", ">": "gt", "≈": "approx", "~": "sim",
    "*": "times cdot ast", "/": "div", "±": "pm", "∓": "mp", "∞": "infty", "∈": "in", "∉": "notin",
    "\N{UNION}": "cup bigcup", "∩": "cap bigcap", "∅": "emptyset varnothing", "→": "to rightarrow",
    "…": "ldots dots cdots dotsc", "∠": "angle", "°": "circ degree", "%": "percent", "|": "mid vert lvert rvert",
    "ε": "varepsilon", "φ": "varphi", "⟨": "langle", "⟩": "rangle", SET_OPEN: "lbrace", SET_CLOSE: "rbrace", "¬": "neg",
}  # fmt: skip
_NOT_SHOWN = r"""
\left \right \displaystyle \textstyle \limits \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \quad \qquad \, \! \; \: \
\( \) \[ \] \$ $ ~ \text \mbox \hbox \mathrm \mathbf \mathit \mathbb \mathcal \mathsf \textbf \textrm \textit
\operatorname \boldsymbol \bm
"""


def _greek(name: str, case: str) -> str:
    return unicodedata.lookup(f"GREEK {case} LETTER {'lamda' if name == 'lambda' else name}")


_SIGNS = (
    {rf"\{name}": _greek(name, "SMALL") for name in _GREEK_LETTERS.split()}
    | {rf"\{name.capitalize()}": _greek(name, "CAPITAL") for name in _GREEK_LETTERS.split()}
    | {rf"\{name}": sign for sign, names in _SIGNS_BY_NAME.items() for name in names.split()}
    | {r"\{": SET_OPEN, r"\}": SET_CLOSE, r"\%": "%", r"\|": "‖", r"\\": ROW, r"\&": "and", r"\#": "#", r"\_": "_"}
)
_NOTHING = frozenset(_NOT_SHOWN.split())
_FRACTIONS = frozenset((r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"))
_MATRICES = frozenset(("pmatrix", "bmatrix", "Bmatrix", "smallmatrix"))
_UNICODE = str.maketrans({
    "\N{FRACTION SLASH}": "/", "\N{DIVISION SIGN}": "/", "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*", "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-",
})  # fmt: skip


_ROOT = re.compile(r"√\s?(?:([0-9]+(?:\.[0-9]+)?|[A-Za-z])|\(([^()]*)\))")


def with_named_roots(text: str) -> str:
    r"""Return a text with each √ written as a command: `√17` and `√(17)` as `\sqrt{17}`."""
    return _ROOT.sub(lambda found: rf"\sqrt{{{found[1] or found[2]}}}", text) if "√" in text else text


class _Group(str):
    """Content of braces, as plain text."""

    __slots__ = ()


def plain_formula(text: str) -> str:
    r"""Return `text` without LaTeX spacing, styles and braces, each sign written one way; spaces between words stay."""
    stack: list[list[str]] = [[]]
    for sign in _TOKEN.findall(with_named_roots(text.translate(_UNICODE))):
        if sign == "{":
            stack.append([])
        elif sign == "}" and len(stack) > 1:
            group = _Group(_joined(stack.pop()))
            stack[-1].append(group)
        elif sign.isspace():
            stack[-1].append(" ")
        elif sign not in _NOTHING:
            stack[-1].append(_SIGNS.get(sign, sign))
    while len(stack) > 1:  # braces that nobody closed
        rest = _joined(stack.pop())
        stack[-1].append(rest)
    plain = _joined(stack[0])
    for opening, closing in ("()", "[]"):
        plain = plain.replace(opening + _ARRAY_OPEN, MATRIX_OPEN).replace(_ARRAY_CLOSE + closing, MATRIX_CLOSE)
    return _LAST_ROW_END.sub(MATRIX_CLOSE, plain)


def _joined(items: list[str]) -> str:
    """Return the plain text of tokens and groups, each command with its arguments applied."""
    done: list[str] = []
    place = 0
    while place < len(items):
        item = items[place]
        place += 1
        if isinstance(item, _Group):
            done.append(item)
        elif item in _FRACTIONS:
            over, place = _argument(items, place)
            under, place = _argument(items, place)
            done.append(_fraction(over, under, after="".join(done[-1:])))
        elif item == r"\sqrt":
            index, place = _index(items, place)
            under, place = _argument(items, place)
            done.append(f"√{index}({under})")
        elif item in {"^", "_"}:
            raised, place = _argument(items, place)
            done.append("°" if raised.strip() == "°" else item + _enclosed(raised))
        elif item in {r"\begin", r"\end"}:
            name, place = _argument(items, place)
            if name == "array" and item == r"\begin":
                _, place = _argument(items, place)  # the alignment of its columns
            done.append(_edge(name, opening=item == r"\begin"))
        else:
            done.append(item)
    return "".join(done)


def _argument(items: list[str], place: int) -> tuple[str, int]:
    """Return a command's argument, the next group or sign, and the position of its end."""
    while place < len(items) and items[place].isspace() and not isinstance(items[place], _Group):
        place += 1
    return (str(items[place]), place + 1) if place < len(items) else ("", place)


def _index(items: list[str], place: int) -> tuple[str, int]:
    """Return the index of a root, which is in brackets; empty for a square root."""
    if items[place : place + 1] != ["["] or "]" not in items[place:]:
        return "", place
    end = items.index("]", place)
    return f"[{''.join(items[place + 1 : end])}]", end + 1


def _fraction(over: str, under: str, *, after: str) -> str:
    over, under = over.strip(), under.strip()
    sign = "-" if over.startswith("-") and _ATOM.fullmatch(over[1:]) else ""
    text = f"{sign}{_enclosed(over[len(sign) :])}/{_enclosed(under)}"
    return f"({text})" if after[-1:].isalnum() or after[-1:] == ")" else text


def _enclosed(text: str) -> str:
    """Return `text` in parentheses, unless it is a single sign or number."""
    text = text.strip()
    return text if _ATOM.fullmatch(text) else f"({text})"


def _edge(name: str, *, opening: bool) -> str:
    if name in _MATRICES:
        return MATRIX_OPEN if opening else MATRIX_CLOSE
    if name in {"array", "matrix"}:
        return _ARRAY_OPEN if opening else _ARRAY_CLOSE
    return " "
