"""Comparison of a component with its earlier state: another identity, or the same with edited source."""

from collections.abc import Sequence

from themis.core.base import JSONValue
from themis.core.components.references import ComponentRef
from themis.core.errors import FingerprintChangedError
from themis.core.text.canonical import canonical_json

_SHOWN_PARTS = 5
_SHOWN_CHARACTERS = 40


def refuse_changed(found: ComponentRef, expected: ComponentRef, *, where: str) -> None:
    """Refuse a component that is not the expected one; its source does not count.

    Raises:
        FingerprintChangedError: its identity differs; the message names the difference.
    """
    before, now = expected.identity(), found.identity()
    if canonical_json(now) == canonical_json(before):
        return
    edited = [name for name, content in found.files.items() if expected.files.get(name, content) != content]
    part = next(name for name in {**before, **now} if before.get(name) != now.get(name))
    difference = (
        f"{edited[0]} has changed" if edited else f"{part} {_short(now, part)}, expected {_short(before, part)}"
    )
    raise FingerprintChangedError(where=where, reference=expected.component_id, difference=difference)


def edited_parts(before: ComponentRef, now: ComponentRef) -> tuple[str, ...]:
    """The files of a component's source that were edited, added or removed, and packages of another version."""
    if before.source_hash == now.source_hash or not now.sources:
        return ()
    if before.sources is None:  # stored by version 4.0, which only recorded the first file
        name, digest = next(iter(now.sources.items()))
        return () if before.source_hash is None or before.source_hash.startswith(digest) else (name,)
    names = {**now.sources, **before.sources}
    return tuple(_said(name, before.sources, now.sources) for name in names if _differs(name, before, now))


def shortened(parts: Sequence[str]) -> str:
    """The first parts as text, and the number of the others."""
    more = len(parts) - _SHOWN_PARTS
    return ", ".join(parts[:_SHOWN_PARTS]) + (f" and {more} more" if more > 0 else "")


def _differs(name: str, before: ComponentRef, now: ComponentRef) -> bool:
    return (before.sources or {}).get(name) != (now.sources or {}).get(name)


def _said(name: str, before: dict[str, str], now: dict[str, str]) -> str:
    if name not in now:
        return f"{name} (no longer part of it)"
    if name not in before:
        return f"{name} (new)"
    return f"{name}: {before[name]}, now {now[name]}" if name.endswith("(installed)") else name


def _short(identity: dict[str, JSONValue], part: str) -> str:
    return str(identity.get(part, "none"))[:_SHOWN_CHARACTERS]
