"""Masking of the secrets that this process resolved.

Code that resolves a reference registers the value, see `themis.core.configuration.secrets`. Every text that leaves
the process, to a store, a file, a log, a terminal or another machine, passes through `mask` *before* it is shortened: a
part of a secret is not recognised for sure. As long as nothing was resolved, that costs a check of an empty tuple.
"""

import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

LEAST_CHARACTERS = 8
"""A shorter value is not masked: it would be found in unrelated texts."""


MOST_CHARACTERS = 65_536
"""Only this much of a longer value is searched for."""

_WORD_CHARACTERS = 16
_FRAGMENT_CHARACTERS = 16
# Uncompiled, as few processes ever need them.
_LONG_WORD = r"(?!.*://)\S{24,}"
_UNQUOTED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-"
_URL_OF_SOMEBODY = r"[A-Za-z][\w+.-]*://[^\s/?#@:]*:([^\s/?#]+)@"


class Mask:
    """Values and their replacements: `[secret NAME]`."""

    def __init__(self) -> None:
        """Create a mask without values, which leaves every text unchanged."""
        self._labels: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._forms: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """All texts that are searched for, the longest first."""
        return self._forms

    def add(self, name: str, value: str, *, is_key: bool) -> None:
        """Mask `value` from now on, in each form in which it may be written; also its lines and words.

        Pieces of a long key, but of no other value, are masked too: other programs shorten what they show.
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
        """Return `text` with the values masked."""
        if self._pattern is None or not self.finds(text):
            return text
        for token, label in self._tokens.items():
            text = _without_fragments(text, token, label)
        return self._pattern.sub(lambda found: self._labels[found[0]], text)

    def finds(self, text: str) -> bool:
        """Whether one of the values occurs in `text`."""
        return any(form in text for form in self._forms)

    def value(self, value: Any) -> Any:
        """Return a copy of a JSON value with the values masked in its texts and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


class ByteMask:
    """Masks the values of a mask in a stream of bytes, even when a value arrives in pieces.

    Args:
        mask: the values; more may be added while the stream continues.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """Return the part that can be passed on; an end that may be the beginning of a value is held back."""
        if not self._mask.forms:
            return data
        forms = [form.encode("utf-8", "surrogateescape") for form in self._mask.forms]
        data = self._kept + data
        cut = len(data) - _begun(data, forms)
        for form in forms:  # a complete value is not split
            place = data.rfind(form, max(cut - len(form), 0), cut + len(form))
            if 0 <= place < cut < place + len(form):
                cut = place + len(form)
        self._kept = data[cut:]
        return self._masked(data[:cut])

    def rest(self) -> bytes:
        """Return the part that was held back, at the end of the stream."""
        kept, self._kept = self._kept, b""
        return self._masked(kept)

    def _masked(self, data: bytes) -> bytes:
        # Surrogates keep bytes that are not text unchanged.
        return self._mask.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


_known = Mask()
_listeners: list["Listener"] = []

Listener = Callable[[str, str, bool], None]


def register(name: str, value: str, *, is_key: bool) -> None:
    """Mask `value`, the secret of the reference `name`, in every text from now on.

    Args:
        name: shown in its place.
        value: ignored when it is shorter than `LEAST_CHARACTERS`.
        is_key: whether it looks like a key, so that pieces of it must be masked too.
    """
    if len(value.strip()) < LEAST_CHARACTERS or value.strip() in _known.forms:
        return
    # Listeners first: once the value is in use, it may be printed.
    for listener in _listeners:
        listener(name, value, is_key)
    _known.add(name, value, is_key=is_key)


def listen(listener: Listener) -> None:
    """Call `listener` with each registered value before it is used."""
    _listeners.append(listener)


def forget() -> None:
    """Forget all values and listeners: for tests, which share a process."""
    global _known  # noqa: PLW0603  # the one registry of the process
    _known = Mask()
    _listeners.clear()


def is_idle() -> bool:
    """Whether nothing was resolved, so that no text needs masking."""
    return not _known.forms


def mask(text: str) -> str:
    """Return `text` with every secret that this process resolved masked."""
    return _known.text(text) if _known.forms else text


def masked(value: Any) -> Any:
    """Return a JSON value with resolved secrets masked in its texts and keys; the value itself when it holds none."""
    return _known.value(value) if _known.forms else value


def found_in(text: str) -> bool:
    """Whether a secret that this process resolved occurs in `text`."""
    return _known.finds(text)


def mask_json(text: str) -> str:
    """Return the JSON text with resolved secrets masked in its texts and keys."""
    if not _known.finds(text):
        return text
    return json.dumps(_known.value(json.loads(text)), ensure_ascii=True, separators=(",", ":"))


def _parts(value: str) -> Iterator[str]:
    """Yield a value, and its parts that are secrets by themselves."""
    whole = value.strip()[:MOST_CHARACTERS]
    yield whole
    if (found := re.match(_URL_OF_SOMEBODY, whole)) and len(found[1]) >= LEAST_CHARACTERS:
        yield found[1]
    pieces = [piece for line in whole.splitlines() for piece in (line.strip(), *line.split())]
    yield from (piece for piece in [*pieces, *_texts_of(whole)] if len(piece) >= _WORD_CHARACTERS)


def _texts_of(value: str) -> Iterator[str]:
    """Yield the texts of a JSON object, such as a file of credentials."""
    if value.startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):
            yield from (text.strip() for text in json.loads(value).values() if isinstance(text, str))


def _forms(value: str) -> set[str]:
    """Return the forms in which a text is commonly written."""
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
    """Yield the Base64 of `data` at any position in a text, without the parts that depend on its surroundings."""
    for before in range(3):
        whole = binascii.b2a_base64(b"\0" * before + data, newline=False).decode()
        first = -(-before * 4 // 3)
        last = (before + len(data)) * 4 // 3
        yield whole[first:last]
        yield whole[first:last].translate(str.maketrans("+/", "-_"))


def _without_fragments(text: str, token: str, label: str) -> str:
    """Return `text` without the beginnings and ends of `token` that other programs left when they shortened it."""
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
    """Count the bytes at the end of `data` that may be the beginning of one of `forms`."""
    first = len(data)
    for form in forms:
        place = data.find(form[:1], max(len(data) - len(form) + 1, 0))
        while 0 <= place < first:
            if form.startswith(data[place:]):
                first = place
            place = data.find(form[:1], place + 1)
    return len(data) - first
