"""Values that shells complete: config files, names and ids of runs, labels, components, benchmarks, workers.

Each is asked for while somebody types. So it reads little, waits for nothing, writes nothing, and a store or a folder
that is not there or cannot be read has nothing to offer.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from themis.core.text.run_names import CONFIG_SUFFIXES, labels_in

if TYPE_CHECKING:
    from themis.core.stores.reading import RunRow, StoreReader

Offered = list[CompletionItem[str]]
Offer = Callable[[click.Context, click.Parameter, str], Offered]

_MOST_RUNS = 300
"""Newest runs of a store that are looked through."""

_MOST_OFFERED = 60
_PATIENCE_S = 0.1
_SHOWN_DIGITS = 12
_DIGITS = re.compile(r"[0-9a-f]{4,64}")
_PLAIN = re.compile(r"[\w.@=+,-]+")
"""Words that no shell reads as something else."""


def _quiet(offer: Callable[[click.Context, str], Iterator[CompletionItem[str]]]) -> Offer:
    """Make a function that yields values one that a parameter takes: whatever is wrong, there are no more of them."""

    @functools.wraps(offer)
    def offered(context: click.Context, parameter: click.Parameter, begun: str) -> Offered:
        from themis.core.errors import ThemisError

        del parameter
        found: dict[str, CompletionItem[str]] = {}
        try:
            for item in offer(context, begun):
                found.setdefault(item.value, item)
                if len(found) >= _MOST_OFFERED:
                    break
        except (ThemisError, click.ClickException, OSError, ValueError, KeyError):
            pass  # somebody is typing: a message would stand in the middle of the line
        return list(found.values())

    return offered


@_quiet
def config_files(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer config files, and the folders on the way to them."""
    del context
    shown, slash, name = begun.rpartition("/")
    folder = Path(shown + slash).expanduser() if slash else Path()
    entries = sorted(entry for entry in folder.iterdir() if entry.name.startswith(name))
    folders = [entry.name for entry in entries if entry.is_dir() and (name or not entry.name.startswith("."))]
    files = [entry.name for entry in entries if entry.suffix in CONFIG_SUFFIXES and entry.is_file()]
    if folders and not files:
        yield CompletionItem(begun, type="dir")  # the shell adds a slash, and no blank, to the only one
        return
    yield from (CompletionItem(f"{shown}{slash}{file}") for file in files)
    yield from (CompletionItem(f"{shown}{slash}{one}/") for one in folders)


@_quiet
def targets(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer names of runs, the ids and job keys that begin so, and config files."""
    if "/" not in begun:
        yield from _runs(context, begun)
        yield from _groups(context, begun)
    yield from config_files(context, _NO_PARAMETER, begun)


@_quiet
def jobs(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer the keys of jobs that begin so, and the names of the runs that have a job."""
    yield from _runs(context, begun, with_jobs=True)
    yield from _groups(context, begun)


@_quiet
def groups(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer the groups of runs, as `group:name`."""
    yield from _groups(context, begun)


@_quiet
def labels(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer the labels of stored runs, as `key=value`."""
    with ExitStack() as stack:
        for reader in _readers(stack, context):
            for run in reader.runs_before("", None, _MOST_RUNS):
                for key, value in labels_in(run.labels).items():
                    if f"{key}={value}".startswith(begun) and _PLAIN.fullmatch(value):
                        yield CompletionItem(f"{key}={value}")


@_quiet
def workers(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer the names of a queue's workers."""
    from themis.cli.targets import find_queue_root
    from themis.core.monitor.places.what_is_there import workers_at

    given = context.params
    root = find_queue_root(given.get("queue_root"), _path(given.get("config")), ())
    names = (one.report.worker for one in workers_at(root))
    yield from (CompletionItem(name) for name in names if name.startswith(begun))


@_quiet
def benchmarks(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer the named benchmarks."""
    from themis.catalog.files import list_benchmark_ids

    del context
    yield from (CompletionItem(name) for name in list_benchmark_ids() if name.startswith(begun))


def components(*kinds: str) -> Offer:
    """Return what offers the ids of the built-in components of these kinds."""

    @_quiet
    def offer(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
        from themis.core.builtins import BUILTINS_BY_KIND

        del context
        for kind in kinds:
            found = (name for name in BUILTINS_BY_KIND[kind] if name.startswith(begun))
            yield from (CompletionItem(name, help=kind) for name in found)

    return offer


@_quiet
def models(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    """Offer providers, behind which a model's name comes, and the ids of generators."""
    from themis.adapters.model_names import PROVIDERS

    yield from (CompletionItem(f"{name}/") for name in PROVIDERS if f"{name}/".startswith(begun))
    yield from components("generator")(context, _NO_PARAMETER, begun)


_NO_PARAMETER: Any = None
"""For an offer that another one asks."""


def _runs(context: click.Context, begun: str, *, with_jobs: bool = False) -> Iterator[CompletionItem[str]]:
    is_id = _DIGITS.fullmatch(begun) is not None
    with ExitStack() as stack:
        for reader in _readers(stack, context):
            for run in reader.runs_before("", None, _MOST_RUNS):
                if (word := _word(run)).startswith(begun):
                    yield CompletionItem(word, help=run.status)
            if is_id:
                found = reader.jobs_beginning(begun, _MOST_OFFERED)
                yield from (CompletionItem(pair.job.key, help=pair.run.name) for pair in found)
                if not with_jobs:
                    runs = reader.runs_before(begun, None, _MOST_OFFERED)
                    yield from (CompletionItem(run.run_id[: max(_SHOWN_DIGITS, len(begun))]) for run in runs)


def _groups(context: click.Context, begun: str) -> Iterator[CompletionItem[str]]:
    with ExitStack() as stack:
        names = {name for reader in _readers(stack, context) for name in reader.group_names()}
    found = (f"group:{name}" for name in sorted(names) if _PLAIN.fullmatch(name))
    yield from (CompletionItem(word) for word in found if word.startswith(begun))


def _word(run: "RunRow") -> str:
    """The name of a run; the beginning of its id for one whose name a shell would read as several words."""
    return run.name if run.name and _PLAIN.fullmatch(run.name) else run.run_id[:_SHOWN_DIGITS]


def _readers(stack: ExitStack, context: click.Context) -> "Iterator[StoreReader]":
    """Open readers of the stores that the words typed so far name, or of the usual ones; none is made or upgraded."""
    from themis.cli.targets import places_of_stores
    from themis.core.errors import ThemisError
    from themis.core.stores.registry import reader_of

    given = context.params
    overrides: Sequence[str] = given.get("overrides") or ()
    named = given.get("store")
    for location in places_of_stores(named, given.get("queue_root"), _path(given.get("config")), overrides):
        reader = stack.enter_context(closing(reader_of(location, patience_s=_PATIENCE_S)))
        try:
            _ = reader.store_id
        except ThemisError:
            continue  # gone, locked or of another version; others may be there
        yield reader


def _path(config: Any) -> Path | None:
    return config if isinstance(config, Path) else None
