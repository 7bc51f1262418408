"""Dataset whose cases are in a split of the Hugging Face hub, or of a folder in its formats."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.formats.records import Records
from themis.core.datasets.hub.commits import commit_of
from themis.core.datasets.hub.failures import failure_of
from themis.core.datasets.hub.hub_rows import HubRows
from themis.core.datasets.hub.library import HubLibrary, library
from themis.core.datasets.hub.opened_split import OpenedSplit, open_split
from themis.core.datasets.record_source import RecordSource
from themis.core.values.dataset_selection import DatasetSelection
from themis.core.values.hub_split import HubSplit


class HubSource(RecordSource):
    """The cases of a split; its columns are read like those of a table."""

    def __init__(
        self,
        dataset_id: str,
        split: HubSplit,
        fields: Mapping[str, FieldPath] | None = None,
        metadata: Mapping[str, str] | None = None,
        selection: DatasetSelection | None = None,
    ) -> None:
        """Read from `split`; nothing is loaded yet.

        Raises:
            DatasetError: `fields` has no path for `input`, or names a field that a case does not have.
        """
        super().__init__(dataset_id, fields, metadata, selection)
        self.split = split

    @property
    def place(self) -> str:
        """The title of the split, for messages."""
        return f"dataset {self.split.title!r}"

    @cached_property
    def revision(self) -> str | None:
        """The commit that is read, asked of the hub once; None for a folder.

        Raises:
            DatasetError: there is no such data set or revision.
            HubUnavailableError: the hub cannot be reached.
        """
        return None if self.split.is_folder else commit_of(self.split, self._library)

    def parts(self) -> Iterator[Records]:
        """Yield the rows of the split, loaded when this is called first.

        Raises:
            DatasetError: it is not there, or cannot be loaded.
            HubUnavailableError: the hub cannot be reached.
        """
        cases = CaseRows(self.fields)
        yield HubRows(
            self.split.title,
            self._opened,
            cases,
            self._columns(),
            lambda error: failure_of(error, self.split, self._library),
        )

    @cached_property
    def _library(self) -> HubLibrary:
        return library(self.place)

    @cached_property
    def _opened(self) -> OpenedSplit:
        return open_split(self.split, self.revision, self._library)

    def _columns(self) -> Sequence[str] | None:
        """The columns that are wanted; None for all, and for one that is not there, so that its error names it."""
        paths = None if self.fields is None else self.fields.paths
        if paths is None:
            return None
        known = self._opened.features
        wanted = {path if path in known else path.split(".")[0] for path in {*paths, *self.filtered_paths}}
        return [name for name in known if name in wanted] if wanted <= set(known) else None
