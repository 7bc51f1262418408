"""Commit of a data set on the hub: what a branch or a tag means now."""

from pathlib import Path

from themis.core.datasets.hub.failures import failure_of
from themis.core.datasets.hub.library import HubLibrary
from themis.core.errors import DatasetError
from themis.core.values.hub_split import HubSplit, is_commit

USUAL_BRANCH = "main"
_TIMEOUT_S = 30.0


def commit_of(split: HubSplit, library: HubLibrary) -> str:
    """Return the commit of a split, as 40 hex digits.

    It is asked of the hub, and noted in the hub's own cache. Where the hub must not be asked it is the one noted there.

    Raises:
        DatasetError: there is no such data set or revision; or it is not known here while the hub must not be asked.
        HubUnavailableError: the hub cannot be reached.
    """
    if split.revision is not None and is_commit(split.revision):
        return split.revision
    revision = split.revision or USUAL_BRANCH
    noted = library.hub_cache / f"datasets--{split.name.replace('/', '--')}" / "refs" / revision
    if library.is_offline:
        return _noted(noted, split, revision)
    commit = checked_commit(split, revision, library)
    try:
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(commit)
    except OSError:  # a cache that is only read
        pass
    return commit


def checked_commit(split: HubSplit, revision: str, library: HubLibrary) -> str:
    """Return the commit of a revision, as the hub says now.

    Raises:
        DatasetError: there is no such data set or revision.
        HubUnavailableError: the hub cannot be reached.
    """
    try:
        found = library.hub.HfApi(endpoint=library.endpoint).dataset_info(
            split.name, revision=revision, timeout=_TIMEOUT_S
        )
    except Exception as error:
        raise failure_of(error, split.model_copy(update={"revision": revision}), library) from error
    if not is_commit(found.sha):
        raise DatasetError(where=f"dataset {split.title!r}", detail=f"the hub gives no commit of {revision!r}")
    return str(found.sha)


def _noted(path: Path, split: HubSplit, revision: str) -> str:
    try:
        commit = path.read_text().strip()
    except OSError:
        commit = ""
    if not is_commit(commit):
        detail = (
            f"HF_HUB_OFFLINE is set, and which commit {revision!r} is, is not known here: give the commit as "
            "`revision`, or load it once without HF_HUB_OFFLINE"
        )
        raise DatasetError(where=f"dataset {split.title!r}", detail=detail)
    return commit
