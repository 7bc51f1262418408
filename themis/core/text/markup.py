"""Texts as XML and HTML, in ASCII: the same in every encoding that a standard output may have."""

import re
from html import escape

from themis.core.text.lines import visible

# What XML 1.0 cannot hold (its production 2, Char), beside the characters that `visible` escapes.
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
# What a reader of XML makes a space of, in an attribute.
_BREAKS = {ord(mark): f"&#{ord(mark)};" for mark in "\t\n\r"}


def shown(text: str) -> str:
    """Return markup that shows a text, whatever markup it looks like."""
    return _ascii(escape(_allowed(text), quote=False))


def attributes(**values: str) -> str:
    """Return attributes with a space in front of each."""
    return "".join(f' {name}="{_ascii(escape(_allowed(value)).translate(_BREAKS))}"' for name, value in values.items())


def _allowed(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", visible(text))


def _ascii(markup: str) -> str:
    return markup.encode("ascii", "xmlcharrefreplace").decode("ascii")
