"""Datasets: streams of cases, listed, in a file or yielded by a function, and the fingerprint of their content."""

from themis.core.datasets.file_source import FileSource
from themis.core.datasets.loader_source import LoaderSource
from themis.core.datasets.sources import CaseSource, InlineSource, StoredListSource

__all__ = ["CaseSource", "FileSource", "InlineSource", "LoaderSource", "StoredListSource"]
