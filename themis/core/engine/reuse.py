"""Reuse of outcomes of other runs that did the same to the same case."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import Enum, auto
from itertools import groupby
from types import TracebackType
from typing import Self

from themis.core.datasets.fingerprint import CASE_DIGEST_BYTES
from themis.core.engine.case_work import CaseWork
from themis.core.files.number_table import NumberTable
from themis.core.identity.reuse_keys import lending_keys, reuse_keys, reuse_place
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores.protocol import RunStore

ENDS_READ = 10_000
"""Cases of another run that are read at a time, when cases are looked for at other positions."""

_DATASET_BYTES = 4

Place = tuple[Stage, int, int]
"""A stage, its item, and the number of a dataset."""


class Lenders(Enum):
    """The runs whose outcomes are reused: none, those with the same code, or those with the same fingerprints."""

    NONE = auto()
    SAME_CODE = auto()
    ANY_CODE = auto()

    @classmethod
    def under(cls, code_changes: str) -> "Lenders":
        """Return the lenders that `runtime.code_changes` allows."""
        return cls.ANY_CODE if code_changes == "ignore" else cls.SAME_CODE


_KEYS: dict[Lenders, Callable[[RunSnapshot], dict[str, str]]] = {
    Lenders.NONE: lambda _: {},
    Lenders.SAME_CODE: reuse_keys,
    Lenders.ANY_CODE: lending_keys,
}


class Reuse:
    """Finds outcomes of earlier runs in the same store for the cases of a run; a context manager.

    A stage's outcome is reused when the run's reuse key for it is equal (see `reuse_keys`) and the case's
    content is too: repeats of a case and samples of a candidate stay apart.

    A case is looked for at its own position first. When it is not there, the digests of the other run are read once,
    and kept in a temporary file.
    """

    def __init__(self, store: RunStore, snapshot: RunSnapshot, lenders: Lenders = Lenders.SAME_CODE) -> None:
        """Look for runs that share a stage with `snapshot`."""
        shared: dict[str, dict[Place, Place]] = {}
        for name, key in _KEYS[lenders](snapshot).items():
            for run_id, source_name in store.reusable_runs(key, other_than=snapshot.run_id):
                shared.setdefault(run_id, {})[reuse_place(source_name)] = reuse_place(name)
        self._sources = [_Source(store, run_id, places) for run_id, places in shared.items()]

    def __enter__(self) -> Self:
        """Return the finder."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove its temporary files."""
        for source in self._sources:
            source.close()

    @property
    def possible(self) -> bool:
        """Whether any run has outcomes to reuse."""
        return bool(self._sources)

    def outcomes_for(self, page: list[CaseWork]) -> Iterator[Outcome]:
        """Reusable outcomes of these cases, neighbours in the run; they are also added to each case's `stored`."""
        for source in self._sources:
            for work, outcome in source.outcomes_for(page):
                if (outcome.stage, outcome.item) not in work.stored:
                    work.stored[outcome.stage, outcome.item] = outcome
                    yield outcome


class _Source:
    """One earlier run; `places` maps the places of its outcomes to ours."""

    def __init__(self, store: RunStore, run_id: str, places: dict[Place, Place]) -> None:
        self._store = store
        self._run_id = run_id
        self._places = places
        # A key contains the dataset's id, which is unique in a run: datasets are paired one to one.
        self._dataset_numbers = {ours: theirs for (*_, theirs), (*_, ours) in places.items()}
        self._elsewhere: NumberTable | None = None
        self._files = ExitStack()

    def close(self) -> None:
        self._files.close()

    def outcomes_for(self, page: list[CaseWork]) -> Iterator[tuple[CaseWork, Outcome]]:
        first, stop = page[0].case_no, page[-1].case_no + 1
        here = {
            (end.digest, end.dataset_no): end.case_no for end in self._store.ends_between(self._run_id, first, stop)
        }
        works: dict[int, CaseWork] = {}
        for work in page:
            dataset_no = self._dataset_numbers.get(work.dataset_no)
            if dataset_no is not None:
                number = here.get((work.digest, dataset_no))
                number = self._find((work.digest, dataset_no)) if number is None else number
                if number is not None:
                    works[number] = work
        for begin, end in _stretches(sorted(works)):
            outcomes = self._store.outcomes_between(self._run_id, begin, end)
            for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no):
                yield from self._taken_over(works[case_no], of_case)

    def _taken_over(self, work: CaseWork, outcomes: Iterator[Outcome]) -> Iterator[tuple[CaseWork, Outcome]]:
        theirs = self._dataset_numbers[work.dataset_no]
        for outcome in outcomes:
            place = self._places.get((outcome.stage, outcome.item, theirs))
            if place is not None and outcome.ok:
                yield work, outcome._replace(case_no=work.case_no, stage=place[0], item=place[1])

    def _find(self, identity: tuple[bytes, int]) -> int | None:
        """The number of a case in the earlier run, when it is not near the same position."""
        if self._elsewhere is None:
            table = NumberTable(self._numbers(), CASE_DIGEST_BYTES + _DATASET_BYTES)
            self._elsewhere = self._files.enter_context(table)
        return self._elsewhere.get(_key(*identity))

    def _numbers(self) -> Iterator[tuple[bytes, int]]:
        """The key and the number of each case of the earlier run that has ended."""
        record = self._store.load_run(self._run_id)
        for first in range(0, 0 if record is None else record.total_cases, ENDS_READ):
            for end in self._store.ends_between(self._run_id, first, first + ENDS_READ):
                yield _key(end.digest, end.dataset_no), end.case_no


def _key(digest: bytes, dataset_no: int) -> bytes:
    return digest + dataset_no.to_bytes(_DATASET_BYTES)


def _stretches(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of consecutive numbers."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[start], numbers[index - 1] + 1
            start = index
