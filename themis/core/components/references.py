"""References of components: the identity of each, and where to find it again."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.components.fingerprint_files import declared_files
from themis.core.configuration.secrets import redact_urls
from themis.core.errors import ComponentError, ThemisError
from themis.core.python.blamed_place import BUGS, blamed_place
from themis.core.text.canonical import content_hash
from themis.core.text.lines import is_storable
from themis.core.text.masking import mask

_SHOWN_CHARACTERS = 80


class ComponentTarget(FrozenModel):
    """Import target of a component, to load it again.

    Attributes:
        use: an id or `package.module:name`.
        arguments: its keywords.
        named: the id that the experiment gives it, with `as`; None when it keeps its own.
    """

    use: str
    arguments: dict[str, JSONValue] = Field(default_factory=dict)
    named: str | None = Field(default=None, exclude_if=lambda value: value is None)


class ComponentRef(FrozenModel):
    """Identity of a component: enough to tell whether another one does the same.

    Attributes:
        component_id: the id under which it is shown: its own, or the one that the experiment gives it.
        version, fingerprint: as given by the component.
        source_hash: SHA-256 over its source, which changes with an edit that the fingerprint does not show.
        sources: the parts of that source and their digests, see `source_code`; None in runs of version 4.0.
        files: SHA-256 of each file that it names in `fingerprint_files`.
        target: its import target; None for a live object.
        own_id: its own id, when the experiment gives it another one.
    """

    component_id: str
    version: str
    fingerprint: str
    source_hash: str | None = None
    sources: dict[str, str] | None = None
    files: dict[str, str] = Field(default_factory=dict)
    target: ComponentTarget | None = None
    own_id: str | None = Field(default=None, exclude_if=lambda value: value is None)

    def identity(self) -> dict[str, JSONValue]:
        """The part that decides a `run_id`; missing parts are left out, so that earlier ids stay the same."""
        said: dict[str, JSONValue] = {
            "id": self.own_id or self.component_id,
            "version": self.version,
            "fingerprint": self.fingerprint,
        }
        if self.own_id is not None:
            said["as"] = self.component_id
        if self.target is not None and self.target.arguments:
            said["arguments"] = self.target.arguments
        if self.files:
            said["files"] = list(self.files.values())
        return said


def reference(live: Any, target: ComponentTarget | None, *, where: str, folders: Sequence[str] = ()) -> ComponentRef:
    """Return the reference of a live component, without its source.

    Raises:
        ComponentError: an attribute of its identity is missing, is not a text, or cannot be read.
    """
    name = target.use if target else type(live).__name__
    try:
        values = (live.component_id, live.version, live.fingerprint())
        files = declared_files(live, folders, where=where, reference=repr(name))
    except ThemisError:
        raise
    except (Exception, SystemExit) as error:
        raise ComponentError(
            where=where, reference=repr(name), detail=f"cannot tell its identity: {described(error)}"
        ) from error
    for label, value in zip(("component_id", "version", "fingerprint()"), values, strict=True):
        if not isinstance(value, str) or not value:
            detail = f"{label} must be a text, not {shown(value)}"
            raise ComponentError(where=where, reference=repr(name), detail=detail)
        if not is_storable(value):
            detail = f"{label} is {value!r}: it holds a NUL character or half of a character, which no id can"
            raise ComponentError(where=where, reference=repr(name), detail=detail)
    component_id, version, fingerprint = map(mask, values)  # its identity does not depend on its secrets
    named = None if target is None or target.named == component_id else target.named
    return ComponentRef(
        component_id=named or component_id,
        version=version,
        fingerprint=fingerprint,
        files=files,
        own_id=None if named is None else component_id,
        target=None if target is None else target.model_copy(update={"arguments": redact_urls(target.arguments)}),
    )


def covering(ref: ComponentRef, inner: Sequence[ComponentRef]) -> ComponentRef:
    """Return the reference of a component with the files and the source of the components inside it."""
    if not inner:
        return ref
    files, sources = dict(ref.files), dict(ref.sources or {})
    for part in inner:
        files |= {f"{part.component_id}: {name}": digest for name, digest in part.files.items()}
        sources |= part.sources or {}
    hashes: list[JSONValue] = [ref.source_hash, *(part.source_hash for part in inner)]
    update = {"files": files, "source_hash": content_hash(hashes), "sources": sources or None}
    return ref.model_copy(update=update)


def shown(value: Any) -> str:
    """Return a value as a short text for messages."""
    try:
        return mask(" ".join(repr(value).split()))[:_SHOWN_CHARACTERS]
    except Exception:  # noqa: BLE001  # a value that cannot even be shown
        return f"a {type(value).__name__}"


def described(error: BaseException) -> str:
    """Return an error as one line with its class, for messages; a bug with its place in the user's code, if it has one.

    As in `KeyError: 'choices' (generators.py:12 in Model.__init__)`.
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  # an error of the error's own
        text = ""
    name, place = type(error).__name__, blamed_place(error) if isinstance(error, BUGS) else None
    return f"{name}{f': {text}' if text else ''}{f' ({place.text})' if place else ''}"
