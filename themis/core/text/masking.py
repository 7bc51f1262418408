"""Secrets that this process resolved, and texts without them.

Whoever resolves a reference registers the value, see `themis.core.configuration.secrets`. Every text that leaves the
process, to a store, a file, a log, a terminal or another machine, passes `mask` on its way, *before* it is shortened:
half a secret is not recognised for sure. While nothing was resolved, that costs a look at an empty tuple.
"""

import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

LEAST_CHARACTERS = 8
"""A shorter value is not looked for: it would be found in texts that have nothing to do with it."""


MOST_CHARACTERS = 65_536
"""Of a longer value only so much is looked for."""

_WORD_CHARACTERS = 16
_FRAGMENT_CHARACTERS = 16
# Texts, as few processes ever need them compiled.
_LONG_WORD = r"(?!.*://)\S{24,}"
_UNQUOTED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-"
_URL_OF_SOMEBODY = r"[A-Za-z][\w+.-]*://[^\s/?#@:]*:([^\s/?#]+)@"


class Mask:
    """Values and what stands in their place: `[secret NAME]`."""

    def __init__(self) -> None:
        """Knows no value yet, and leaves every text as it is."""
        self._labels: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._forms: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """All texts that are looked for, the longest first."""
        return self._forms

    def add(self, name: str, value: str, *, is_key: bool) -> None:
        """Look for `value` from now on, in each form in which it may be written; also for its lines and words.

        Of a long key, but of no other value, pieces are looked for too: others shorten what they show.
        """
        label = f"[secret {name}]"
        for part in _parts(value):
            for form in _forms(part):
                self._labels.setdefault(form, label)
            if is_key and re.fullmatch(_LONG_WORD, part):
                self._tokens.setdefault(part, label)
                for end in (part[:_FRAGMENT_CHARACTERS], part[-_FRAGMENT_CHARACTERS:]):
                    self._labels.setdefault(end, label)
        forms = tuple(sorted(self._labels, key=len, reverse=True))
        self._pattern = re.compile("|".join(map(re.escape, forms)))
        self._forms = forms

    def text(self, text: str) -> str:
        """`text` without any of the values."""
        if self._pattern is None or not self.finds(text):
            return text
        for token, label in self._tokens.items():
            text = _without_fragments(text, token, label)
        return self._pattern.sub(lambda found: self._labels[found[0]], text)

    def finds(self, text: str) -> bool:
        """Whether one of the values stands in `text`."""
        return any(form in text for form in self._forms)

    def value(self, value: Any) -> Any:
        """A copy of a JSON value without any of the values in its texts and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


class ByteMask:
    """A stream of bytes without the values of a mask, also where one arrives in pieces.

    Args:
        mask: what to look for; it may learn more values while the stream goes on.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """What can be passed on; the end that may be the beginning of a value is kept back."""
        if not self._mask.forms:
            return data
        forms = [form.encode("utf-8", "surrogateescape") for form in self._mask.forms]
        data = self._kept + data
        cut = len(data) - _begun(data, forms)
        for form in forms:  # what is whole is not cut in two
            place = data.rfind(form, max(cut - len(form), 0), cut + len(form))
            if 0 <= place < cut < place + len(form):
                cut = place + len(form)
        self._kept = data[cut:]
        return self._masked(data[:cut])

    def rest(self) -> bytes:
        """What was kept back, when nothing more will come."""
        kept, self._kept = self._kept, b""
        return self._masked(kept)

    def _masked(self, data: bytes) -> bytes:
        # Surrogates keep bytes that are no text as they are.
        return self._mask.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


_known = Mask()
_listeners: list["Listener"] = []

Listener = Callable[[str, str, bool], None]


def register(name: str, value: str, *, is_key: bool) -> None:
    """Have `value`, which the reference `name` stood for, in no text from now on.

    Args:
        name: what is shown in its place.
        value: shorter ones than `LEAST_CHARACTERS` are passed over.
        is_key: whether it looks like one, so that a piece of it must not be seen either.
    """
    if len(value.strip()) < LEAST_CHARACTERS or value.strip() in _known.forms:
        return
    # Told first: once the value is in use, what prints it must be expected.
    for listener in _listeners:
        listener(name, value, is_key)
    _known.add(name, value, is_key=is_key)


def listen(listener: Listener) -> None:
    """Call `listener` with what is registered, before anybody has the value."""
    _listeners.append(listener)


def forget() -> None:
    """Forget all values and listeners: for tests, which share a process."""
    global _known  # noqa: PLW0603  # the one registry of the process
    _known = Mask()
    _listeners.clear()


def is_idle() -> bool:
    """Whether nothing was resolved, so that no text needs a look."""
    return not _known.forms


def mask(text: str) -> str:
    """`text` without any value that this process resolved."""
    return _known.text(text) if _known.forms else text


def masked(value: Any) -> Any:
    """A JSON value without any value that this process resolved, in its texts and keys; itself when there is none."""
    return _known.value(value) if _known.forms else value


def found_in(text: str) -> bool:
    """Whether a value that this process resolved stands in `text`."""
    return _known.finds(text)


def mask_json(text: str) -> str:
    """JSON text of the same value without any value that this process resolved in its texts and keys."""
    if not _known.finds(text):
        return text
    return json.dumps(_known.value(json.loads(text)), ensure_ascii=True, separators=(",", ":"))


def _parts(value: str) -> Iterator[str]:
    """A value, and what of it is a secret by itself."""
    whole = value.strip()[:MOST_CHARACTERS]
    yield whole
    if (found := re.match(_URL_OF_SOMEBODY, whole)) and len(found[1]) >= LEAST_CHARACTERS:
        yield found[1]
    pieces = [piece for line in whole.splitlines() for piece in (line.strip(), *line.split())]
    yield from (piece for piece in [*pieces, *_texts_of(whole)] if len(piece) >= _WORD_CHARACTERS)


def _texts_of(value: str) -> Iterator[str]:
    """The texts of a JSON object, such as a file of credentials."""
    if value.startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):
            yield from (text.strip() for text in json.loads(value).values() if isinstance(text, str))


def _forms(value: str) -> set[str]:
    """The ways in which a text is commonly written."""
    data = value.encode("utf-8", "surrogateescape")
    found = {value, " ".join(value.split()), repr(value)[1:-1]}
    found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    for safe in (_UNQUOTED, _UNQUOTED + b"/"):
        quoted = "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in data)
        found |= {quoted, quoted.replace("%20", "+"), re.sub(r"%..", lambda sign: sign[0].lower(), quoted)}
    found |= {data.hex(), data.hex().upper()}
    found.update(_base64_forms(data))
    return {form for form in found if len(form) >= LEAST_CHARACTERS}


def _base64_forms(data: bytes) -> Iterator[str]:
    """Base64 of a text that holds `data` at any place, as far as it does not depend on what stands around it."""
    for before in range(3):
        whole = binascii.b2a_base64(b"\0" * before + data, newline=False).decode()
        first = -(-before * 4 // 3)
        last = (before + len(data)) * 4 // 3
        yield whole[first:last]
        yield whole[first:last].translate(str.maketrans("+/", "-_"))


def _without_fragments(text: str, token: str, label: str) -> str:
    """`text` without the beginnings and ends of `token` that others left when they shortened it."""
    head, tail = token[:_FRAGMENT_CHARACTERS], token[-_FRAGMENT_CHARACTERS:]
    start = 0
    while (place := text.find(head, start)) >= 0:
        end = place + len(head)
        while end - place < len(token) and end < len(text) and text[end] == token[end - place]:
            end += 1
        text = f"{text[:place]}{label}{text[end:]}"
        start = place + len(label)
    start = 0
    while (place := text.find(tail, start)) >= 0:
        end, length = place + len(tail), len(tail)
        while length < len(token) and place > 0 and text[place - 1] == token[-length - 1]:
            place, length = place - 1, length + 1
        text = f"{text[:place]}{label}{text[end:]}"
        start = place + len(label)
    return text


def _begun(data: bytes, forms: list[bytes]) -> int:
    """How many bytes at the end of `data` may be the beginning of one of `forms`."""
    first = len(data)
    for form in forms:
        place = data.find(form[:1], max(len(data) - len(form) + 1, 0))
        while 0 <= place < first:
            if form.startswith(data[place:]):
                first = place
            place = data.find(form[:1], place + 1)
    return len(data) - first
