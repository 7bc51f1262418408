"""What became of the source of a component between two looks at it."""

from collections.abc import Sequence

from themis.core.components import ComponentRef

_SHOWN_PARTS = 5


def edited_parts(before: ComponentRef, now: ComponentRef) -> tuple[str, ...]:
    """The files of a component's source that were edited, came or went, and what is installed in another version."""
    if before.source_hash == now.source_hash or not now.sources:
        return ()
    if before.sources is None:  # stored by version 4.0, which looked at the first file alone
        name, digest = next(iter(now.sources.items()))
        return () if before.source_hash is None or before.source_hash.startswith(digest) else (name,)
    names = {**now.sources, **before.sources}
    return tuple(_said(name, before.sources, now.sources) for name in names if _differs(name, before, now))


def shortened(parts: Sequence[str]) -> str:
    """Some of the parts, and how many more there are."""
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
