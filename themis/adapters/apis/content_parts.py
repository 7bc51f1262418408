"""Files among the parts of a message: described in a body until it is sent, and read then."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Self

from themis.adapters.conversation import Turn
from themis.core.media.media_folder import PREFIX, media_bytes

Part = dict[str, Any]


class UnsendablePartError(ValueError):
    """A part that an API has no place for; its message says which."""


class FileData(str):
    """The content of a file in a body: what stands there until it is read is a text that describes it.

    Attributes:
        reference: the file, by its hash.
        address: the beginning of its address, `data:image/png;base64,`; empty for the content alone.
        is_text: whether its text is wanted, rather than Base64.
    """

    __slots__ = ("address", "is_text", "reference")

    reference: str
    address: str
    is_text: bool

    def __new__(cls, part: Part, *, as_address: bool = False, is_text: bool = False) -> Self:
        """Describe the file of a part."""
        address = f"data:{part['media_type']};base64," if as_address else ""
        made = super().__new__(cls, f"{address}<{part['bytes']:,} bytes, sha256 {part['sha256']}>")
        made.reference, made.address, made.is_text = f"{PREFIX}{part['sha256']}", address, is_text
        return made

    def read(self) -> str:
        """Return the content.

        Raises:
            MediaError: the file is not there any more.
        """
        data = media_bytes(self.reference)
        return data.decode() if self.is_text else self.address + base64.b64encode(data).decode("ascii")


def is_file(part: Any) -> bool:
    """Whether a part of a message is a file that is named by its hash."""
    return isinstance(part, dict) and isinstance(part.get("sha256"), str) and "media_type" in part


def file_name(part: Part) -> str:
    """Return the name of a file; one that has none is called by its hash and its kind."""
    return str(part.get("name") or f"{part['sha256'][:12]}.{part['media_type'].rpartition('/')[2]}")


def in_dialect(turns: list[Turn], of_file: Callable[[Part], Part]) -> list[Turn]:
    """Return turns with the parts that are files as an API has them; other parts are left as they are.

    Raises:
        UnsendablePartError: the API has no place for one.
    """
    return [
        {**turn, "content": [of_file(part) if is_file(part) else part for part in turn["content"]]}
        if isinstance(turn.get("content"), list) and any(map(is_file, turn["content"]))
        else turn
        for turn in turns
    ]


def holds_files(value: Any) -> bool:
    """Whether a body holds files that are not read yet."""
    if isinstance(value, dict):
        return any(map(holds_files, value.values()))
    return any(map(holds_files, value)) if isinstance(value, list) else isinstance(value, FileData)


def described(value: Any, files: Mapping[str, str]) -> Any:
    """Return a value with the description of each file in place of its content; `files` has both."""
    if isinstance(value, str):
        return files.get(value, value)
    if isinstance(value, dict):
        return {name: described(item, files) for name, item in value.items()}
    return [described(item, files) for item in value] if isinstance(value, list) else value


def files_in(value: Any) -> dict[str, str]:
    """Return the files of a body that are not read yet: their contents, and what describes them.

    Raises:
        MediaError: a file is not there any more.
    """
    if isinstance(value, FileData):
        return {value.read(): str(value)}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {content: text for item in items for content, text in files_in(item).items()}


def with_files(value: Any) -> Any:
    """Return a body with the contents of its files.

    Raises:
        MediaError: a file is not there any more.
    """
    if isinstance(value, FileData):
        return value.read()
    if isinstance(value, dict):
        return {name: with_files(item) for name, item in value.items()}
    return [with_files(item) for item in value] if isinstance(value, list) else value
