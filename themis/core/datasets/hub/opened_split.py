"""Opening of a split: from a folder, from what was prepared here before, or from the hub."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.datasets.hub.commits import checked_commit
from themis.core.datasets.hub.failures import failure_of, not_downloaded
from themis.core.datasets.hub.library import HubLibrary
from themis.core.errors import DatasetError
from themis.core.values.hub_split import HubSplit

_SAVED = ("state.json", "dataset_dict.json")
"""Files that `save_to_disk` writes beside the data: of one split, of several."""


@dataclass(frozen=True, slots=True)
class OpenedSplit:
    """A split that can be read.

    Attributes:
        rows: in Arrow's format; a `Dataset`, or an `IterableDataset` when it is streamed.
        features: the kinds of its columns, by their names.
        folders: where files may lie that a row names by their paths.
        address: the beginning of the addresses at which they may lie; None for none.
    """

    rows: Any
    features: Mapping[str, Any]
    folders: tuple[Path, ...]
    address: str | None = None


def open_split(split: HubSplit, commit: str | None, library: HubLibrary) -> OpenedSplit:
    """Open a split; `commit` is that of a data set on the hub.

    Raises:
        DatasetError: it is not there, or cannot be loaded.
        HubUnavailableError: the hub cannot be reached.
    """
    try:
        if commit is None:
            return _in_folder(split, library)
        return _of_hub(split, commit, library)
    except Exception as error:
        raise failure_of(error, split, library) from error


def _in_folder(split: HubSplit, library: HubLibrary) -> OpenedSplit:
    folder = Path(split.name).expanduser().absolute()
    if not folder.is_dir():
        raise DatasetError(where=f"dataset {split.title!r}", detail=f"there is no folder {folder}")
    if any((folder / name).is_file() for name in _SAVED):
        return _opened(_saved(split, library.datasets.load_from_disk(str(folder))), (folder,))
    builder = library.datasets.load_dataset_builder(str(folder), split.config)
    return _opened(_rows(builder, split), (folder, library.datasets_cache))


def _saved(split: HubSplit, found: Any) -> Any:
    """Return the split among what `save_to_disk` has written."""
    where = f"dataset {split.title!r}"
    if split.config is not None:
        raise DatasetError(where=where, detail="was written by save_to_disk, and has no `config`")
    if isinstance(found, dict):
        if split.split not in found:
            raise DatasetError(where=where, detail=_no_split(split.split, found))
        return found[split.split]
    if found.split is not None and str(found.split) != split.split:
        raise DatasetError(where=where, detail=_no_split(split.split, [str(found.split)]))
    return found


def _of_hub(split: HubSplit, commit: str, library: HubLibrary) -> OpenedSplit:
    if Path(split.name).exists():  # the package would take it, whatever the hub has
        detail = f"is the name of a file or folder here too: write ./{split.name} for that, or start elsewhere"
        raise DatasetError(where=f"dataset {split.title!r}", detail=detail)
    caches, address = (library.datasets_cache, library.hub_cache), f"hf://datasets/{split.name}@{commit}/"
    prepared = _prepared(split, commit, library)
    if prepared is not None:
        return _opened(prepared.as_dataset(split=split.split), caches, address)
    if library.is_offline:
        raise not_downloaded(split, commit, library)
    checked_commit(split, commit, library)
    builder = library.datasets.load_dataset_builder(split.name, split.config, revision=commit)
    if builder.hash != commit:  # the package takes any other that is on this machine if this one fails
        raise DatasetError(where=f"dataset {split.title!r}", detail=f"its commit {commit} cannot be loaded")
    return _opened(_rows(builder, split), caches, address)


def _rows(builder: Any, split: HubSplit) -> Any:
    if split.streaming:
        return builder.as_streaming_dataset(split=split.split)
    builder.download_and_prepare()
    known = builder.info.splits or {}
    if split.split.isidentifier() and split.split not in known:
        raise DatasetError(where=f"dataset {split.title!r}", detail=_no_split(split.split, known))
    return builder.as_dataset(split=split.split)


def _prepared(split: HubSplit, commit: str, library: HubLibrary) -> Any | None:
    """Return what reads a commit that was prepared on this machine before; None when it was not.

    The package itself finds the latest that was prepared, of whatever commit.
    """
    if split.config is None and not library.is_offline:
        return None  # the hub says which is the usual one
    *owner, name = split.name.split("/")
    naming = importlib.import_module("datasets.naming")
    folder = library.datasets_cache / "___".join([*owner, naming.camelcase_to_snakecase(name)])
    found = {path.parts[-4]: path.parent for path in folder.glob(f"*/*/{commit}/dataset_info.json")}
    if split.config is None and len(found) > 1 and "default" not in found:
        detail = f"HF_HUB_OFFLINE is set, and it has several configs: name one of {', '.join(sorted(found))}"
        raise DatasetError(where=f"dataset {split.title!r}", detail=detail)
    config = split.config or ("default" if "default" in found else next(iter(found), None))
    if config is None or config not in found:
        return None
    reader = importlib.import_module("datasets.packaged_modules.cache.cache").Cache
    version = found[config].parts[-2]
    return reader(dataset_name=name, repo_id=split.name, config_name=config, version=version, hash=commit)


def _no_split(name: str, known: Any) -> str:
    return f"has no split {name!r}; there are {', '.join(sorted(known))}"


def _opened(rows: Any, folders: tuple[Path, ...], address: str | None = None) -> OpenedSplit:
    features = rows.features
    if features is None:  # a stream whose kinds are not known before its first rows
        rows = rows._resolve_features()  # noqa: SLF001  # there is no public name for it
        features = rows.features
    return OpenedSplit(rows.with_format("arrow"), features, folders, address)
