"""Predecessors of a submission: the jobs that texts name, as commands name jobs."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from themis.core.configuration.secrets import secrets_not_needed
from themis.core.errors import StoreMissingError, UnknownTargetError
from themis.core.experiment import Experiment
from themis.core.monitor.targets import Kind, Match, group_named, matches_of, only, run_in, target_text
from themis.core.queue.model.predecessors import NONE, Predecessors
from themis.core.stores.reading import StoreLocation, StoreReader
from themis.core.stores.registry import reader_of

_SAME_STORE = "a job runs only after jobs whose results are in the same store as its own"


class After(NamedTuple):
    """Texts that name jobs: those that have to be done, and those that have to have ended, however."""

    done: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


NOTHING = After()


def after_of(done: Iterable[str] | str, ended: Iterable[str] | str) -> After:
    """Return the texts that two arguments have; one text alone is one job."""
    return After(*((given,) if isinstance(given, str) else tuple(given) for given in (done, ended)))


def named_predecessors(after: After, location: StoreLocation) -> Predecessors:
    """Return the jobs that texts name, in the results store of the job that runs after them.

    A text names a job as in every command: by its key, its run's id or the beginning of one, its run's name or config
    file; `group:` and a name stand for all jobs of a group.

    Raises:
        UnknownTargetError, AmbiguousTargetError: a text names no job there, or several; of a group, none.
        StoreError: the store cannot be read.
    """
    if not any(after):
        return NONE
    with closing(reader_of(location)) as reader:
        return Predecessors(_keys(after.done, reader), _keys(after.ended, reader))


def _keys(texts: Sequence[str], reader: StoreReader) -> tuple[str, ...]:
    found = (_key(text, match) for text in texts for match in _matches(text, reader))
    return tuple(dict.fromkeys(found))


def _key(text: str, match: Match) -> str:
    if match.job is None:
        raise UnknownTargetError(target=text, detail="its run was not submitted to a queue: no job can run after it")
    return match.job.key


def _matches(text: str, reader: StoreReader) -> list[Match]:
    target = target_text(text)
    try:
        is_file = target.kind is Kind.CONFIG
        found = run_in(_run_id(Path(target.text)), [reader]) if is_file else matches_of(target, [reader])
    except StoreMissingError:
        raise UnknownTargetError(target=text, detail=f"there is no results store yet; {_SAME_STORE}") from None
    except UnknownTargetError as error:
        raise UnknownTargetError(target=text, detail=f"{error.facts['detail']}; {_SAME_STORE}") from None
    if not found:
        raise UnknownTargetError(target=text, detail=f"the run of this config file was not submitted; {_SAME_STORE}")
    if group_named(text) is None:
        only(text, found)
    return found


def _run_id(config: Path) -> str:
    with secrets_not_needed():
        return Experiment.from_config(config).compile().run_id
