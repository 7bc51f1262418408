"""Counting of tokens by the model's own tokenizer, where the package `tiktoken` has it; imported when used."""

import importlib
import importlib.util
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

logger = logging.getLogger("themis.cost")

PACKAGE = "tiktoken"


class Tokenizer(NamedTuple):
    """Tokenizer of a model.

    Attributes:
        name: that of its encoding.
        count: returns the number of tokens of a text.
    """

    name: str
    count: Callable[[str], int]


def tokenizer_of(model: str) -> Tokenizer | None:
    """Return the tokenizer of a model; None when it is not known, or not installed, or its data cannot be had.

    The package gets the data of an encoding from the internet, once, and keeps it; a warning says when it cannot.
    """
    if not model or importlib.util.find_spec(PACKAGE) is None:
        return None
    library: Any = importlib.import_module(PACKAGE)
    try:
        encoding = library.encoding_for_model(model)
    except KeyError:
        return None  # a model of another provider
    except Exception as error:  # noqa: BLE001  # of its client of HTTP, of the file system, of damaged data
        logger.warning(
            "tokens are estimated by the length of texts: %s cannot load its data (%s)", PACKAGE, _kind(error)
        )
        return None
    return Tokenizer(encoding.name, lambda text: len(encoding.encode_ordinary(text)))


def _kind(error: Exception) -> str:
    return type(error).__name__
