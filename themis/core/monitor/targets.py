"""Rule for what a text names: a config file, or runs and their jobs, by name, by id, or by the beginning of an id.

A text that contains `/` or ends as a config file does is a config file; else it is the exact name of a run; else the
whole or the beginning of a run's id or a job's key. `run:`, `job:` and `name:` force one of these. A run and its job
are one thing. `group:` and a name stand for all runs of a group.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from themis.core.errors import AmbiguousTargetError, InvalidArgumentError, UnavailableError, UnknownTargetError
from themis.core.monitor.places.what_is_there import queue_id_at
from themis.core.monitor.shards.run_jobs import RunJobs, jobs_of_run
from themis.core.monitor.stores import stores_of, unusable_stores
from themis.core.queue.model.queue_place import Place
from themis.core.stores.job_rows import JobRow
from themis.core.stores.reading import RunRow, StoreReader
from themis.core.stores.registry import reader_of
from themis.core.text.run_names import CONFIG_SUFFIXES, KINDS

GROUP = "group:"
"""Beginning of a text that names a group."""

_ALL = "themis list shows all runs"
LEAST_DIGITS = 4
"""Digits that the beginning of an id has at least."""

MOST_MATCHES = 200
"""Runs and jobs that are looked at for a text that names several."""

_LISTED = 10
_SHOWN_DIGITS = 12
_KEY = re.compile(r"[0-9a-f]+(\.s[0-9]*(of[0-9]*)?)?")


class Kind(StrEnum):
    """Kind of thing that a text names; `ANY` is a name, or a run or its job; a group is several of them."""

    CONFIG = "config"
    ANY = "any"
    RUN = "run"
    JOB = "job"
    NAME = "name"
    GROUP = "group"


class TargetText(NamedTuple):
    """Text that names something, without the word that forces its kind."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """Run that a text names, the store that it is in, and its jobs.

    Attributes:
        jobs: its jobs; those of shards too.
    """

    reader: StoreReader
    run: RunRow
    jobs: RunJobs

    @property
    def job(self) -> JobRow | None:
        """Its job, or those of its shards as one; None for a run that was not submitted to a queue."""
        return self.jobs.job

    def __str__(self) -> str:
        """Return its name, its run and its job, for a message."""
        job = "no job" if self.job is None else f"job {self.job.key}"
        return f"{self.run.name or '-'} (run {self.run.run_id[:_SHOWN_DIGITS]}, {job})"


def target_text(given: str) -> TargetText:
    """Return what kind of thing a text names.

    Raises:
        InvalidArgumentError: it is empty.
    """
    forced = next((word for word in KINDS if given.startswith(word)), None)
    text = given.removeprefix(forced or "")
    if not text:
        raise InvalidArgumentError(argument=given or "TARGET", detail="names nothing; give a name, a run or a job")
    if forced is not None:
        return TargetText(Kind(forced[:-1]), text)
    is_file = "/" in text or text.endswith(CONFIG_SUFFIXES)
    return TargetText(Kind.CONFIG if is_file else Kind.ANY, text)


def group_named(given: str) -> str | None:
    """Return the name of the group that a text names; None for a text that names something else."""
    return target_text(given).text if given.startswith(GROUP) else None


def no_group(readers: Iterable[StoreReader]) -> str:
    """Return why a group was not found: the groups that there are."""
    names = sorted({name for reader in readers for name in reader.group_names()})
    if not names:
        return "there are no groups; themis submit makes one, by --sweep or --group"
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"there is no such group; there are {', '.join(names[:_LISTED])}{more}"


def matches_of(target: TargetText, readers: Sequence[StoreReader], *, most: int = MOST_MATCHES) -> list[Match]:
    """Return the runs that a text names, with their jobs: those of that name, else those whose id begins so.

    At most `most` are returned for each store and kind; of a group, all.

    Raises:
        UnknownTargetError: there are none, or the text is too short for the beginning of an id.
    """
    kind, text = target
    if kind is Kind.GROUP:
        grouped = [(reader, member.run) for reader in readers for member in reader.group_members(text)]
        if not grouped:
            raise UnknownTargetError(target=f"{GROUP}{text}", detail=no_group(readers))
        return _matches(grouped)
    if kind in {Kind.ANY, Kind.NAME}:
        named = [(reader, run) for reader in readers for run in reader.runs_named(text, most)]
        if named:
            return _matches(named)
        if kind is Kind.NAME:
            raise UnknownTargetError(target=text, detail=f"no run has that name; {_ALL}")
    if not _KEY.fullmatch(text):
        words = {Kind.ANY: "no run has that name, and it is", Kind.RUN: "it is", Kind.JOB: "it is"}
        detail = f"{words[kind]} not the beginning of an id, which has 0-9 and a-f; {_ALL}"
        raise UnknownTargetError(target=text, detail=detail)
    if len(text) < LEAST_DIGITS:
        detail = f"the beginning of an id has at least {LEAST_DIGITS} digits, and no run has that name; {_ALL}"
        raise UnknownTargetError(target=text, detail=detail)
    found = [] if kind is Kind.JOB else [(r, run) for r in readers for run in r.runs_before(text, None, most)]
    if kind is not Kind.RUN:
        found += [(r, pair.run) for r in readers for pair in r.jobs_beginning(text, most)]
    exact = [match for match in _matches(found) if text in {match.run.run_id, match.job.key if match.job else None}]
    if found:
        return exact or _matches(found)
    detail = {Kind.ANY: "no name, run or job", Kind.RUN: "no run", Kind.JOB: "no job"}[kind]
    raise UnknownTargetError(target=text, detail=f"{detail} begins so; {_ALL}")


def run_in(run_id: str, readers: Sequence[StoreReader]) -> list[Match]:
    """Return the run with an id, with its job, from each store that has it."""
    return _matches([(reader, run) for reader in readers for run in reader.runs_before(run_id, None, 1)])


def only(target: str, matches: Sequence[Match]) -> Match:
    """Return the one match of a text.

    Raises:
        AmbiguousTargetError: there are several.
    """
    if len(matches) > 1 or group_named(target) is not None:
        raise AmbiguousTargetError(target=target, matches=listed(matches), mend=_mend(matches))
    return matches[0]


def listed(matches: Sequence[Match]) -> str:
    """Return the matches as a text: name, run and job of each."""
    left = len(matches) - _LISTED
    return "; ".join(map(str, matches[:_LISTED])) + (f"; and {left:,} more" if left > 0 else "")


def _mend(matches: Sequence[Match]) -> str:
    if len({match.run.run_id for match in matches}) > 1:
        return "give the run or the job, or more of it"
    return "name the store with --store: " + ", ".join(match.reader.location.path for match in matches)


def _matches(found: Iterable[tuple[StoreReader, RunRow]]) -> list[Match]:
    """Return runs with their jobs, each once for each store."""
    once = {(reader.location, run.run_id): (reader, run) for reader, run in found}
    return [Match(reader, run, jobs_of_run(reader, run.run_id, reader.store_id)) for reader, run in once.values()]


def jobs_named(queue_root: Place, target: TargetText, *, most: int = MOST_MATCHES) -> list[tuple[JobRow, Match]]:
    """Return the jobs of a queue that a text names, each with what was found; none if a store cannot be read now.

    Then the job may be in that store: asking the queue for it by its key says so.

    Raises:
        UnknownTargetError: there is none, and every store was searched.
    """
    return _jobs(queue_root, lambda readers: matches_of(target, readers, most=most), shard_in(target.text))


def shard_in(text: str) -> str:
    """Return the beginning of the key of a shard that a text is; empty for a text that names none."""
    return text if "." in text and _KEY.fullmatch(text) else ""


def queued_jobs_of(queue_root: Place, run_id: str) -> list[tuple[JobRow, Match]]:
    """Return the jobs of a queue that carry out a run; raises as `jobs_named` does."""

    def found(readers: list[StoreReader]) -> list[Match]:
        matches = run_in(run_id, readers)
        if not matches:
            raise UnknownTargetError(target=run_id, detail="no store of this queue has this run")
        return matches

    return _jobs(queue_root, found)


def _jobs(
    queue_root: Place, find: Callable[[list[StoreReader]], list[Match]], of_shard: str = ""
) -> list[tuple[JobRow, Match]]:
    queue_id = queue_id_at(queue_root)
    if queue_id is None:
        return []
    with ExitStack() as stack:
        readers, is_whole = [], not unusable_stores(queue_root)
        for location in stores_of(queue_root):
            reader = stack.enter_context(closing(reader_of(location)))
            try:
                _ = reader.store_id
            except UnavailableError:
                continue
            readers.append(reader)
        try:
            matches = find(readers)
        except UnknownTargetError:
            if is_whole:
                raise
            return []
    pairs = ((row, match) for match in matches for row in match.jobs.rows)
    found = [(row, match) for row, match in pairs if row.queue_id == queue_id and row.key.startswith(of_shard)]
    if not found and is_whole:
        raise UnknownTargetError(target=listed(matches), detail="has no job in this queue")
    return found
