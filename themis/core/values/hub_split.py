"""Split of a data set of the Hugging Face hub, or of one in a local folder."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from themis.core.base import FrozenModel

_FOLDER = re.compile(r"[./~]")
_NAME = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?", re.ASCII)
_REVISION = re.compile(r"\w[\w./-]{0,254}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_commit(revision: str | None) -> bool:
    """Whether a revision is the hash of a commit, in full."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _checked_name(name: str) -> str:
    if "\0" in name:
        msg = "holds a NUL character, which no path can"
        raise ValueError(msg)
    if not _FOLDER.match(name) and (_NAME.fullmatch(name) is None or ".." in name):
        msg = f"{name[:200]!r} is not a name such as org/name; a folder is written as ./folder, /folder or ~/folder"
        raise ValueError(msg)
    return name


def _checked_revision(revision: str | None) -> str | None:
    if revision is not None and (_REVISION.fullmatch(revision) is None or ".." in revision):
        msg = f"{revision[:200]!r} is not a branch, a tag or a commit"
        raise ValueError(msg)
    return revision


class HubSplit(FrozenModel):
    """A split of a data set.

    Attributes:
        name: its name on the hub; or a folder with it, which begins with `.`, `/` or `~`.
        config: the hub's name of a part of it; None for the usual one.
        split: such as `test`, or `train[:100]`.
        revision: a branch, a tag or a commit; a run keeps the commit. None for the main branch.
        streaming: whether rows are read from the hub when they are needed, and not downloaded first.
    """

    name: Annotated[str, AfterValidator(_checked_name)] = Field(min_length=1)
    config: str | None = None
    split: str = Field(min_length=1)
    revision: Annotated[str | None, AfterValidator(_checked_revision)] = None
    streaming: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is in a folder of this machine."""
        return _FOLDER.match(self.name) is not None

    @property
    def title(self) -> str:
        """Name, config and split, as far as they are given: `org/name:config:split`."""
        return ":".join(part for part in (self.name, self.config, self.split) if part)

    @model_validator(mode="after")
    def _folder_without_revision(self) -> "HubSplit":
        if self.is_folder and self.revision is not None:
            msg = "a folder has no `revision`; its content decides what the run is"
            raise ValueError(msg)
        return self
