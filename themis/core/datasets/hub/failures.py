"""Failures of the hub and its packages, in our words."""

from collections.abc import Iterator

from themis.core.datasets.hub.library import HubLibrary
from themis.core.errors import DatasetError, HubUnavailableError, ThemisError
from themis.core.text.lines import one_line
from themis.core.values.hub_split import HubSplit

_LONGEST_REASON = 300
_SERVER_ERROR, _TOO_MANY = 500, 429
_UNREACHABLE = ("ConnectError", "ConnectTimeout", "ReadError", "ReadTimeout", "ProxyError", "NetworkError")
"""Names of errors of the packages httpx and httpx2, one of which the hub is asked by."""

_CLASSES = {
    "GatedRepoError": "is gated: accept its terms at {endpoint}/datasets/{name}, "
    "and give a token of the same account as HF_TOKEN",
    "RevisionNotFoundError": "has no revision {revision!r}",
    "RepositoryNotFoundError": "is not on the hub, or is private: check the name, and the token in HF_TOKEN",
}


def failure_of(error: Exception, split: HubSplit, library: HubLibrary) -> ThemisError:
    """Return the failure that follows from an error of reading a split."""
    where = f"dataset {split.title!r}"
    if isinstance(error, ThemisError):
        return error
    chain = list(_chain(error))
    for name, text in _CLASSES.items():
        if any(name in _kinds(found) for found in chain):
            facts = {"endpoint": library.endpoint, "name": split.name, "revision": split.revision}
            return DatasetError(where=where, detail=text.format_map(facts))
    reason = f"{type(error).__name__}: {one_line(str(error))[:_LONGEST_REASON]}"
    unreachable = next((found for found in chain if _is_unreachable(found)), None)
    if unreachable is not None and not split.is_folder and not library.is_offline:
        detail = one_line(str(unreachable))[:_LONGEST_REASON] or type(unreachable).__name__
        return HubUnavailableError(where=where, endpoint=library.endpoint, detail=detail)
    return DatasetError(where=where, detail=f"cannot be loaded: {reason}")


def not_downloaded(split: HubSplit, commit: str, library: HubLibrary) -> DatasetError:
    """Return the failure of a split that is not on this machine while the hub must not be asked."""
    cached = f"not prepared in {library.datasets_cache} at commit {commit}"
    detail = f"HF_HUB_OFFLINE is set, and it is {cached}: load it once without HF_HUB_OFFLINE"
    return DatasetError(where=f"dataset {split.title!r}", detail=detail)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it follows from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _kinds(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]


def _is_unreachable(error: BaseException) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status >= _SERVER_ERROR or status == _TOO_MANY
    return isinstance(error, ConnectionError | TimeoutError) or any(name in _UNREACHABLE for name in _kinds(error))
