"""Images and files in a prompt: found by a path or by their hash, and shown by what identifies them."""

from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from themis.core.base import JSONValue
from themis.core.errors import MediaError, PromptError
from themis.core.media.media_folder import PREFIX, check_size, is_reference, keep, media_bytes
from themis.core.media.media_types import media_type_of

MAX_PROMPT_BYTES = 32 * 1024 * 1024
"""Size of all files of one prompt together."""

_WHERE = "generation.prompt.template"
_OTHERS = {"application": "file", "text": "file"}


class MediaFinder:
    """Finds the files that a prompt names.

    A path is relative to the folder of the configuration. What a case has filled in of it cannot leave that folder, or
    the one that the fixed beginning of the template names: else a dataset could have any file of the machine sent.
    """

    def __init__(self, folder: str | Path | None, known: Collection[str] | None = None) -> None:
        """Find files in `folder`; with `known` only those with these hashes."""
        self._folder = Path.cwd() if folder is None else Path(folder)
        self._known = known

    def part(self, kind: str, named: str, template: str) -> dict[str, JSONValue]:
        """Return the content part of a file.

        Args:
            kind: `image`, or `file` for any kind.
            named: its path, or its hash as a dataset of the hub has it.
            template: the template that was rendered as that.

        Raises:
            PromptError: it is not there, too large, of another kind, or not what it was when the run was made.
        """
        name = named.strip()
        try:
            data = media_bytes(name) if is_reference(name) else self._read(name, template)
            reference = name if is_reference(name) else keep(data)
        except MediaError as error:
            _refuse(f"{kind} {name[:200]!r}: {error}")
        except OSError as error:
            _refuse(f"{kind} {name[:200]!r} cannot be read: {error.strerror}")
        if self._known is not None and reference not in self._known:
            _refuse(f"{kind} {name[:200]!r} has changed since the run was made: restore it, or make a new run")
        found = media_type_of(data)
        if found is None or (kind == "image" and not found.startswith("image/")):
            _refuse(f"{kind} {name[:200]!r} is {found or 'of an unknown kind'}, and no {kind} that can be sent")
        general = found.partition("/")[0]
        part: dict[str, JSONValue] = {
            "type": _OTHERS.get(general, general),
            "sha256": reference.removeprefix(PREFIX),
            "media_type": found,
            "bytes": len(data),
        }
        return part if is_reference(name) else {**part, "name": Path(name).name}

    def _read(self, name: str, template: str) -> bytes:
        if not name or "\0" in name:
            _refuse("a file has an empty name; leave its part out, or name a file")
        fixed = template.partition("{")[0].rpartition("/")[0]
        root = (self._folder / Path(fixed or ("/" if template.startswith("/") else ".")).expanduser()).resolve()
        path = (self._folder / Path(name).expanduser()).resolve()
        if not path.is_relative_to(root):
            _refuse(f"file {name[:200]!r} is outside of {root}, and is not read")
        if not path.is_file():
            _refuse(f"there is no file {path}")
        check_size(path.stat().st_size)
        return path.read_bytes()


def references_in(rendered: JSONValue) -> list[str]:
    """Return the references of the files in a rendered prompt, in order.

    Raises:
        PromptError: they are too large together.
    """
    turns = rendered if isinstance(rendered, list) else []
    parts = [
        part
        for turn in turns
        if isinstance(turn, dict) and isinstance(turn.get("content"), list)
        for part in turn["content"]  # type: ignore[union-attr]  # checked above
        if isinstance(part, dict) and "sha256" in part
    ]
    size = sum(size for part in parts if isinstance(size := part["bytes"], int))
    if size > MAX_PROMPT_BYTES:
        _refuse(f"the files of a prompt have {size:,} bytes together, and it takes at most {MAX_PROMPT_BYTES:,}")
    return [f"{PREFIX}{part['sha256']}" for part in parts]


def _refuse(detail: str) -> NoReturn:
    raise PromptError(where=_WHERE, detail=detail)
