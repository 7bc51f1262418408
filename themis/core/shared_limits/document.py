"""Content of a limit file, and its check: any program may have written that file.

    {"format": 1, "provider": "openai:https://api.openai.com/v1", "settings": {"max_concurrent": 24},
     "holders": [{"host": "node7", "boot_id": "…", "namespace": 4026531836, "pid": 4711, "pid_started": 81234,
                  "at_ns": 1793788800000000000, "limit": 24, "most": 24, "in_flight": 20, "waiting": 0, "why": "…"}]}

Fields that are not known here are kept as they are: another version of the library may have written them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from themis.core.shared_limits.holder import Holder, HolderId
from themis.core.values.bounds import LEAST_RATE, MOST_COUNT, MOST_RATE
from themis.core.values.provider_state import ProviderState
from themis.core.values.run_rules import NO_OPERATOR, OperatorRules

FORMAT = 1

MOST_BYTES = 1_000_000

_MOST_NUMBER = 2**63
_MOST_WORDS = 300
_WHOLE = ("namespace", "pid", "pid_started", "at_ns")
_CALLS = ("limit", "most", "in_flight", "waiting", "processes", "shared_limit")
_MAY_BE_MISSING = {"account": "", "processes": 1, "shared_limit": None, "is_full": False}  # of older versions
_PERHAPS_NONE = frozenset({"limit", "most", "shared_limit"})


class NewerFormatError(ValueError):
    """The content was written by a newer version, which alone may change it."""


@dataclass(frozen=True, slots=True)
class LimitDocument:
    """The limits of one provider.

    Attributes:
        provider: its public name.
        operator: what the operator allows.
        holders: the processes whose runs ask it.
        more, more_settings: fields, and fields of `settings`, that this version does not know.
    """

    provider: str
    operator: OperatorRules = NO_OPERATOR
    holders: tuple[Holder, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    more_settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether the file need not exist."""
        return self.operator == NO_OPERATOR and not (self.holders or self.more or self.more_settings)

    def alive(self, *, look: bool) -> "LimitDocument":
        """Return it without the processes that are dead; see `Holder.is_alive`."""
        alive = tuple(holder for holder in self.holders if holder.is_alive(look=look))
        return self if alive == self.holders else replace(self, holders=alive)

    def with_holder(self, holder: Holder) -> "LimitDocument":
        """Return it with a new report of a process."""
        return replace(self, holders=(*self.without(holder.process).holders, holder))

    def without(self, process: HolderId) -> "LimitDocument":
        """Return it without a process."""
        return replace(self, holders=tuple(holder for holder in self.holders if holder.process != process))


def encode(document: LimitDocument) -> bytes:
    """Return the text of a limit file."""
    settings = {**document.more_settings, **settings_words(document.operator)}
    holders = [holder_words(holder) for holder in document.holders]
    words = {**document.more, "format": FORMAT, "provider": document.provider, "settings": settings, "holders": holders}
    return json.dumps(words).encode() + b"\n"


def settings_words(operator: OperatorRules) -> dict[str, Any]:
    """Return what the operator allows as JSON."""
    return {
        "max_concurrent": operator.concurrency,
        "requests_per_minute": operator.requests_per_minute,
        "tokens_per_minute": operator.tokens_per_minute,
    }


def holder_words(holder: Holder) -> dict[str, Any]:
    """Return a process and its state as JSON."""
    state = asdict(holder.state)
    del state["provider"]
    return {**asdict(holder.process), "at_ns": holder.at_ns, **state}


def decode(data: bytes, provider: str | None = None) -> LimitDocument:
    """Return the content of a limit file; reports of processes that are not valid are left out.

    Args:
        data: the text.
        provider: the public name of the provider that it must be about; None for any.

    Raises:
        NewerFormatError: a newer version wrote it.
        ValueError: it is not the content of a limit file; the message says why.
    """
    words = _object(data)
    if (number := words.pop("format", None)) != FORMAT or type(number) is not int:
        if type(number) is int and number > FORMAT:
            msg = f"a newer version of Themis wrote it (format {number})"
            raise NewerFormatError(msg)
        _refuse("it is not a limits file")
    name, settings, holders = words.pop("provider", None), words.pop("settings", {}), words.pop("holders", [])
    if not isinstance(name, str) or not name or provider not in {None, name}:
        _refuse("it is about another provider" if isinstance(name, str) and name else "it names no provider")
    if not isinstance(settings, dict) or not isinstance(holders, list):
        _refuse("its settings or its holders have another form")
    calls = settings.pop("max_concurrent", None)
    if calls is not None and (type(calls) is not int or not 1 <= calls <= MOST_COUNT):
        _refuse(f"max_concurrent is {str(calls)[:40]}, not a whole number from 1 to {MOST_COUNT:,}")
    rates = {key: _rate(key, settings.pop(key, None)) for key in ("requests_per_minute", "tokens_per_minute")}
    return LimitDocument(name, OperatorRules(calls, **rates), tuple(_valid(holders, name)), words, settings)


def _rate(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float} or not LEAST_RATE <= value <= MOST_RATE:
        _refuse(f"{name} is {str(value)[:40]}, not a number a minute")
    return float(value)


def _object(data: bytes) -> dict[str, Any]:
    try:
        words = json.loads(data)
    except (ValueError, RecursionError):
        _refuse("it is not JSON")
    return words if isinstance(words, dict) else {}


def _valid(holders: Iterable[Any], provider: str) -> Iterator[Holder]:
    for words in holders:
        try:
            yield _holder(words, provider)
        except (ValueError, KeyError, TypeError):
            continue


def _holder(words: dict[str, Any], provider: str) -> Holder:
    words = {**_MAY_BE_MISSING, **words}
    for name in _WHOLE:
        if type(words[name]) is not int or not 0 <= words[name] < _MOST_NUMBER:
            _refuse(f"{name} is not valid")
    for name in _CALLS:
        is_unlimited = words[name] is None and name in _PERHAPS_NONE
        if type(words[name]) is not int and not is_unlimited:
            _refuse(f"{name} is not valid")
    for name in ("host", "boot_id", "why", "account"):
        if not isinstance(words[name], str) or len(words[name]) > _MOST_WORDS:
            _refuse(f"{name} is not valid")
    if not isinstance(words["is_full"], bool):
        _refuse("is_full is not valid")
    numbers = {name: words[name] for name in ("namespace", "pid", "pid_started")}
    process = HolderId(host=words["host"], boot_id=words["boot_id"], account=words["account"], **numbers)
    calls = {name: words[name] for name in _CALLS}
    state = ProviderState(provider, why=words["why"], is_full=words["is_full"], **calls)
    return Holder(process, words["at_ns"], state)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
