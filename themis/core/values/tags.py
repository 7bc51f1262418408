"""Tags: words for a job's needs and a worker's features. A worker takes a job only if it has all its tags."""

import re
from collections.abc import Iterable

from themis.core.errors import TagError

MAX_TAGS = 32

_RULE = "at most 32 of a-z, 0-9, -, _ and ., beginning with a letter or a digit"
_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")


def checked(tags: Iterable[object]) -> tuple[str, ...]:
    """Return `tags` without duplicates, in alphabetical order.

    Raises:
        TagError: one of them is not a valid tag, there are too many, or a text was given instead of a list.
    """
    if isinstance(tags, str):
        raise TagError(detail=f"tags are a list of texts, not the text {tags!r}")
    found = set[str]()
    for tag in tags:
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise TagError(detail=f"{tag!r} is not a tag: {_RULE}")
        found.add(tag)
    if len(found) > MAX_TAGS:
        raise TagError(detail=f"{len(found)} tags are more than {MAX_TAGS}")
    return tuple(sorted(found))
