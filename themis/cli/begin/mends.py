"""Problems of a model that did not answer: what went wrong, what to do about it, and the command's exit code."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.adapters.failures import causes_of
from themis.cli.errors import BAD_INPUT, UNAVAILABLE
from themis.core.configuration.config_lines import line_of
from themis.core.engine.retry_policy import is_passing, message_of
from themis.core.errors import (
    BadResponseError,
    InputError,
    InvalidRequestError,
    MissingExtraError,
    MissingSecretError,
    NoContinuationsError,
    ProviderKeyError,
    ProviderNotFoundError,
    ProviderQuotaError,
    ProviderThrottledError,
    ProviderUnreachableError,
    RefusedCaseError,
    RefusedParameterError,
    UnsendableCaseError,
)
from themis.core.models import GenerationResult
from themis.core.outcomes.answer_ends import AnswerEnd, answer_end
from themis.core.text.lines import one_line

_NOT_AN_API = ("not JSON", "a web page", "expected a JSON object")
_BROKEN_OFF = "EOF while parsing"


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem that somebody can solve.

    Attributes:
        what: what went wrong.
        mend: what to do about it.
        exit_code: 2 for a mistake in the config, 4 for a provider that cannot answer now.
        is_bug: whether a component raised what nobody foresaw, so that its traceback is worth showing.
    """

    what: str
    mend: str
    exit_code: int
    is_bug: bool = False

    def document(self) -> dict[str, str]:
        """The problem as JSON."""
        return {"problem": self.what, "mend": self.mend}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Facts of a request that decide what to do when it fails.

    Attributes:
        config: the config file.
        case: the case that was asked, for messages; None for one that is not a dataset's.
        model: the model that was asked for.
        address: the address of the server, as far as it is known.
        keys: the references of the generator's secrets.
        use: the generator, as the config names it.
    """

    config: Path
    case: str | None = None
    model: str | None = None
    address: str | None = None
    keys: Sequence[str] = ()
    use: str | None = None


def problem_of(error: BaseException, asked: Question) -> Problem:
    """Return what is to be done about a failure; a pure function of it, of the environment and of the config file."""
    said = one_line(str(getattr(error, "facts", {}).get("detail", "")) or message_of(error))
    return _rule_for(type(error))(error, said, asked)


def key_problem(reference: str, value: str) -> Problem | None:
    """Return what is wrong with the secret that a reference stands for, judged without asking; None when nothing is."""
    if not value.strip():
        return Problem(f"the key {reference} is set, but empty", f"give {_name(reference)} a value", BAD_INPUT)
    if value != value.strip():
        what = f"the key {reference} begins or ends with a blank or a line break"
        return Problem(what, f"set {_name(reference)} again, without it", BAD_INPUT)
    return None


_REMARKS = {
    AnswerEnd.TRUNCATED: ("the answer was cut off by its length limit", "raise max_tokens in params"),
    AnswerEnd.REFUSED: ("the model refused to answer this case", "see evaluation.on_stop for how such a case counts"),
    AnswerEnd.EMPTY: ("the answer is empty", "raise max_tokens if the model reasons first, or change the prompt"),
}


def remark_on(result: GenerationResult) -> Problem | None:
    """Return what is worth knowing about an answer that did not end by itself; None for any other."""
    end = answer_end(result)
    return None if end is None else Problem(*_REMARKS[end], exit_code=0)


def _missing_key(error: Any, said: str, asked: Question) -> Problem:
    del said, asked
    name = str(error.facts["name"])
    if name.isidentifier():
        mend = f"export {name}=… in the shell, or the service, that this runs in"
        return Problem(f"the key env:{name} is not set", mend, BAD_INPUT)
    return Problem(f"the key is not there {name}", "put it there, or change the reference", BAD_INPUT)


def _missing_package(error: Any, said: str, asked: Question) -> Problem:
    del said, asked
    facts = error.facts
    mend = f"pip install '{facts['distribution']}[{facts['extra']}]'"
    return Problem(f"the package {facts['package']} is missing", mend, BAD_INPUT)


def _refused_key(error: Any, said: str, asked: Question) -> Problem:
    del error
    return Problem(f"the key is refused: {said}", _mend_of_key(asked), BAD_INPUT)


def _mend_of_key(asked: Question) -> str:
    if not asked.keys:
        mend = "name a key under generation.generator.with, such as api_key: env:MY_KEY"
    else:
        mend = f"put a key of this provider into {' or '.join(map(_name, asked.keys))}"
    return f"{mend} ({asked.config})"


def _name(reference: str) -> str:
    return reference.removeprefix("env:").removeprefix("${").removesuffix("}")


def _not_found(error: Any, said: str, asked: Question) -> Problem:
    del error
    if asked.model is not None and (asked.model in said or "model" in said.lower()):
        what = f"no model {asked.model!r}: {said}"
        return Problem(what, _at("generation.generator.with.model_id", asked), BAD_INPUT)
    what = f"nothing is at {asked.address or 'this address'}: {said}"
    mend = f"{_at('generation.generator.with.base_url', asked)}{_usual_end(asked)}; or set api_mode"
    return Problem(what, mend, BAD_INPUT)


def _refused_parameter(error: Any, said: str, asked: Question) -> Problem:
    name, key = str(error.facts["name"]), str(error.facts["key"])
    line = line_of(asked.config, key)
    place = f"{asked.config}:{line}" if line is not None else f"{key} (of {asked.config}, or of --set)"
    return Problem(f"{name} is refused: {said}", f"{place}: remove {name}, or list it in drop_params", BAD_INPUT)


def _refused_case(error: Any, said: str, asked: Question) -> Problem:
    del error
    what = f"the input of {f'case {asked.case}' if asked.case else 'the question'} is refused: {said}"
    return Problem(what, "change that case, or the prompt around it", BAD_INPUT)


def _unsendable_case(error: Any, said: str, asked: Question) -> Problem:
    del error
    what = f"the input of {f'case {asked.case}' if asked.case else 'the question'} cannot be sent: {said}"
    return Problem(what, "change that case", BAD_INPUT)


def _no_continuations(error: Any, said: str, asked: Question) -> Problem:
    del error
    return Problem(f"log-likelihoods cannot be asked for: {said}", _at("generation.generator", asked), BAD_INPUT)


def _refused_request(error: Any, said: str, asked: Question) -> Problem:
    del error
    return Problem(f"the request is refused: {said}", _at("generation.generator.with", asked), BAD_INPUT)


def _unreachable(error: Any, said: str, asked: Question) -> Problem:
    names = _kinds(error)
    address = asked.address or "the server"
    base_url = _at("generation.generator.with.base_url", asked)
    if "ClientProxyConnectionError" in names or "ProxyError" in names:
        proxies = " or ".join(sorted({name for name in os.environ if name.lower().endswith("_proxy")})) or "the proxy"
        return Problem(f"the proxy cannot be reached: {said}", f"correct {proxies}, or set NO_PROXY", UNAVAILABLE)
    if "SSLCertVerificationError" in names:
        mend = "set SSL_CERT_FILE to the certificates that you trust, if this one is your own"
        return Problem(f"the certificate of {address} is not trusted: {said}", mend, UNAVAILABLE)
    if "SSLError" in names:
        return Problem(f"{address} does not speak TLS: {said}", f"{base_url}: http:// perhaps", BAD_INPUT)
    if "gaierror" in names:
        return Problem(f"no host has the name in {address}: {said}", f"{base_url}, or go online", UNAVAILABLE)
    return Problem(f"nobody listens at {address}: {said}", f"start the server, or {base_url}", UNAVAILABLE)


def _used_up(error: Any, said: str, asked: Question) -> Problem:
    del error, asked
    mend = "add credit at the provider, or use the key of another account"
    return Problem(f"the account's quota is used up: {said}", mend, UNAVAILABLE)


def _throttled(error: Any, said: str, asked: Question) -> Problem:
    del asked
    wait = f"{error.retry_after_s:g} s" if error.retry_after_s else "a while"
    return Problem(f"the provider asks for fewer requests: {said}", f"wait {wait}", UNAVAILABLE)


def _bad_response(error: Any, said: str, asked: Question) -> Problem:
    del error
    if said.startswith(_NOT_AN_API) and _BROKEN_OFF not in said:
        mend = f"{_at('generation.generator.with.base_url', asked)}{_usual_end(asked)}"
        return Problem(f"{asked.address or 'the server'} does not speak the API: {said}", mend, BAD_INPUT)
    mend = "try again; if it stays so, change api_mode or base_url"
    return Problem(f"the reply is not an answer: {said}", mend, UNAVAILABLE)


def _of_another_kind(error: BaseException, said: str, asked: Question) -> Problem:
    """Return the problem of a provider that may answer later, of a wrong config, or of a component that has a bug."""
    if isinstance(error, InputError):
        return Problem(str(error), _at("generation.generator", asked), BAD_INPUT)
    if is_passing(error):
        return Problem(f"no answer now: {said}", "try again later; if it stays so, check base_url", UNAVAILABLE)
    mend = f"correct {asked.use or 'the generator'}; its traceback is above"
    return Problem(f"{type(error).__name__}: {said}", mend, BAD_INPUT, is_bug=True)


Rule = Callable[[Any, str, Question], Problem]

_RULES: dict[type[BaseException], Rule] = {
    MissingSecretError: _missing_key,
    MissingExtraError: _missing_package,
    ProviderKeyError: _refused_key,
    ProviderNotFoundError: _not_found,
    RefusedParameterError: _refused_parameter,
    RefusedCaseError: _refused_case,
    UnsendableCaseError: _unsendable_case,
    InvalidRequestError: _refused_request,
    NoContinuationsError: _no_continuations,
    ProviderUnreachableError: _unreachable,
    ProviderQuotaError: _used_up,
    ProviderThrottledError: _throttled,
    BadResponseError: _bad_response,
}


def _rule_for(kind: type[BaseException]) -> Rule:
    """Return the rule for the nearest class of an error that has one."""
    return next((_RULES[base] for base in kind.__mro__ if base in _RULES), _of_another_kind)


def _usual_end(asked: Question) -> str:
    return "" if asked.use in {"anthropic", "generator/anthropic"} else ": it usually ends in /v1"


def _at(key: str, asked: Question) -> str:
    """Return where to change a key of the config."""
    line = line_of(asked.config, key)
    place = asked.config if line is None else f"{asked.config}:{line}"
    return f"change {key.rpartition('.')[2] if line is not None else key} in {place}"


def _kinds(error: BaseException) -> set[str]:
    """Return the names of the classes of an error and of all that caused it."""
    return {kind.__name__ for cause in causes_of(error) for kind in type(cause).__mro__}
