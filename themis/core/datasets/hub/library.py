"""The package `datasets`, imported when a data set is read by it."""

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.errors import MissingExtraError
from themis.core.text import masking

PACKAGE = "datasets"
_TOKEN = "HF_TOKEN"  # noqa: S105  # the name of the variable


@dataclass(frozen=True, slots=True)
class HubLibrary:
    """The packages through which the hub is asked.

    Attributes:
        datasets: the package `datasets`.
        hub: the package `huggingface_hub`, which comes with it.
    """

    datasets: Any
    hub: Any

    @property
    def is_offline(self) -> bool:
        """Whether the hub must not be asked: `HF_HUB_OFFLINE` or `HF_DATASETS_OFFLINE` is set."""
        return bool(self.datasets.config.HF_HUB_OFFLINE)

    @property
    def endpoint(self) -> str:
        """Address of the hub."""
        return str(self.datasets.config.HF_ENDPOINT)

    @property
    def datasets_cache(self) -> Path:
        """Folder of prepared data sets."""
        return Path(self.datasets.config.HF_DATASETS_CACHE).expanduser()

    @property
    def hub_cache(self) -> Path:
        """Folder of downloaded files."""
        return Path(self.hub.constants.HF_HUB_CACHE).expanduser()


def library(reference: str) -> HubLibrary:
    """Return the packages; progress bars are shown on a terminal only.

    Raises:
        MissingExtraError: they are not installed.
    """
    is_ours = PACKAGE not in sys.modules
    try:
        found = HubLibrary(importlib.import_module(PACKAGE), importlib.import_module("huggingface_hub"))
    except ImportError:
        raise MissingExtraError(
            reference=reference, package=PACKAGE, distribution="themis-eval", extra=PACKAGE
        ) from None
    masking.register(_TOKEN, os.environ.get(_TOKEN, ""), is_key=True)
    if is_ours:  # a program that has imported them itself has its own settings
        found.datasets.logging.set_verbosity_error()
        found.hub.logging.set_verbosity_error()
        if not sys.stderr.isatty():
            found.datasets.disable_progress_bars()
            found.hub.utils.disable_progress_bars()
    return found
