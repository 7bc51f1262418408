"""The package pyarrow, which reads and writes Parquet files."""

import importlib
from typing import Any

from themis.core.errors import MissingExtraError


def arrow_and_parquet(reference: str) -> tuple[Any, Any]:
    """Return the modules `pyarrow` and `pyarrow.parquet` for what is named by `reference`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError(
            reference=reference, package="pyarrow", distribution="themis-eval", extra="parquet"
        ) from None
