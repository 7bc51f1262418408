"""Datasets: streams of cases, listed or in a file, and the fingerprint of their content."""

from themis.core.datasets.file_source import FileSource
from themis.core.datasets.sources import CaseSource, InlineSource

__all__ = ["CaseSource", "FileSource", "InlineSource"]
