"""Dataset whose cases a function yields: that of a plug-in, or one that can be imported."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from themis.core.base import JSONValue
from themis.core.components.importing import find_named
from themis.core.components.plugins import DATASET_GROUPS
from themis.core.components.references import described
from themis.core.configuration.secrets import resolve_references
from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_objects import case_in, row_of
from themis.core.datasets.fields import Fields
from themis.core.datasets.formats.records import Records
from themis.core.datasets.record_source import RecordSource
from themis.core.errors import DatasetError, ThemisError
from themis.core.models import Case
from themis.core.values.dataset_selection import DatasetSelection


class LoaderSource(RecordSource):
    """The cases that a function yields, which is called with its arguments for each reading.

    It returns an iterable of mappings or of cases, the same each time.
    """

    def __init__(  # noqa: PLR0913  # the keys of a dataset in a configuration
        self,
        dataset_id: str,
        use: str,
        arguments: Mapping[str, JSONValue] | None = None,
        *,
        fields: Mapping[str, FieldPath] | None = None,
        revision: str | None = None,
        metadata: Mapping[str, str] | None = None,
        selection: DatasetSelection | None = None,
        allow_modules: Sequence[str] | None = None,
    ) -> None:
        """Import the function that `use` names; it is not called yet.

        Args:
            dataset_id: name of the dataset.
            use: id of a plug-in, or `package.module:name`.
            arguments: keywords of the function, with references in place of secrets.
            fields: where the fields of a case are in what it yields.
            revision: user-given name of this state of the dataset.
            metadata: labels of the dataset.
            selection: the cases that are taken.
            allow_modules: prefixes of the modules that may be imported; None allows all.

        Raises:
            ComponentError: nothing has that id, or it cannot be imported.
            DatasetError: it is not a function, or `fields` are wrong.
        """
        super().__init__(dataset_id, fields, metadata, selection)
        self._revision = revision
        named = find_named(use, f"dataset {dataset_id!r}", groups=DATASET_GROUPS)
        self._label = f"{named.where}, {use}"
        self._arguments = dict(arguments or {})
        self._load = named.load(allow_modules)
        if not callable(self._load):
            raise DatasetError(where=self._label, detail="is not a function that yields records")

    @property
    def revision(self) -> str | None:
        """User-given name of this state of the dataset."""
        return self._revision

    @property
    def place(self) -> str:
        """The dataset, and what yields it."""
        return self._label

    def parts(self) -> Iterator[Records]:
        """Yield the records that a call of the function yields."""
        yield LoadedRecords(self._load, self._arguments, self.fields, self._label)


class LoadedRecords:
    """Values that a function yields, each a mapping or a case; a value's place is its number, from 1."""

    def __init__(self, load: Any, arguments: Mapping[str, JSONValue], fields: Fields | None, label: str) -> None:
        """Call the function `load` with its `arguments` for each reading; `label` is its name in messages."""
        self._load = load
        self._arguments = arguments
        self._fields = fields
        self._label = label
        self.case_again = self.case

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of each value, and the value.

        Raises:
            DatasetError: the function raises, or returns something else.
            MissingSecretError: a reference among its arguments cannot be resolved.
        """
        arguments = resolve_references(dict(self._arguments), where=f"{self._label}: with")
        number = 0
        try:
            for value in self._values(arguments):
                number += 1
                yield number, value
        except (ThemisError, GeneratorExit):
            raise
        except (Exception, SystemExit) as error:
            place = self._label if number == 0 else f"{self._label}, after record {number}"
            raise DatasetError(where=place, detail=described(error)) from error

    def _values(self, arguments: Mapping[str, Any]) -> Iterable[Any]:
        found = self._load(**arguments)
        if inspect.iscoroutine(found):
            found.close()
        if isinstance(found, str | bytes | Mapping) or not hasattr(type(found), "__iter__"):
            detail = f"must return an iterable of records, not a {type(found).__name__}"
            raise DatasetError(where=self._label, detail=detail)
        return cast("Iterable[Any]", found)

    def where(self, place: int) -> str:
        """Return the dataset and the number of a value."""
        return f"{self._label}, record {place}"

    def mark(self, record: Any) -> int:
        """Return a hash of a value, in which 1 and 1.0 differ."""
        return hash(repr(record))

    def row(self, record: Any) -> Mapping[str, Any]:
        """Return the values of a mapping or a case by their names.

        Raises:
            ValueError: it is something else.
        """
        return row_of(record)

    def case(self, record: Any, case_number: int) -> Case:
        """Return the case in a value.

        Raises:
            ValueError: it does not hold a case.
        """
        return case_in(record, case_number, self._fields)
